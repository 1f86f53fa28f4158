// What a vault's terms say of the next block. Pure.

/** What a tier may still move at a height: whole periods are added, up to the capacity. */
export function level(bucket, limit, height) {
  const periods = BigInt(Math.floor((height - bucket.counted) / Number(limit.period)));
  const filled = BigInt(bucket.level) + (periods > 0n ? periods : 0n) * BigInt(limit.refill);
  const most = BigInt(limit.capacity);
  return filled < most ? filled : most;
}

/** A policy in words; `names` maps keys to whom they belong. */
export function policyText(policy, names = new Map()) {
  const name = (key) => names.get(key) ?? `key ${key.slice(0, 8)}…`;
  const parts = (subs) => subs.map((one) => policyText(one, names));
  switch (policy.kind) {
    case "Key":
      return name(policy.key);
    case "Bls":
      return names.get(policy.key) ?? `the federation's joint key ${policy.key.slice(0, 8)}…`;
    case "Thresh":
      return `${policy.threshold ?? policy.k ?? policy.count} of (${parts(policy.subs).join(", ")})`;
    case "All":
      return `all of (${parts(policy.subs).join(", ")})`;
    case "Any":
      return `any of (${parts(policy.subs).join(", ")})`;
    default:
      return Object.entries(policy).map(([key, value]) => (key === "kind" ? value : `${key} ${value}`)).join(" ");
  }
}
