// Which view shows which page.

import { address } from "./address.js";
import { asset, assets } from "./assets.js";
import { block, blocks } from "./blocks.js";
import { charts } from "./charts.js";
import { federation } from "./federation.js";
import { mempool } from "./mempool.js";
import { certificate, modules } from "./modules.js";
import { overview } from "./overview.js";
import { pegin, pegout } from "./peg.js";
import { peers } from "./peers.js";
import { pegs } from "./pegs.js";
import { search } from "./search.js";
import { transaction } from "./transaction.js";
import { validators } from "./validators.js";
import { vault, vaults } from "./vaults.js";

export const VIEWS = {
  overview, blocks, block, tx: transaction, address, assets, asset, pegs, pegin, pegout,
  validators, federation, modules, certificate, vaults, vault, mempool, peers, charts, search,
};
