// Where the points of a chart lie, and figures of a row of blocks. Pure.

/** Points in a box, the greatest value and the mean; x evenly by place. */
export function scaled(points, { left, right, top, bottom }) {
  const values = points.map((one) => one.y);
  const most = Math.max(...values) || 1;
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  const step = (right - left) / Math.max(1, points.length - 1);
  const cut = (value) => Math.round(value * 10) / 10;
  const places = points.map(({ y }, place) =>
    [cut(left + place * step), cut(bottom - (y / most) * (bottom - top))]);
  return { places, most, mean };
}

/** Seconds between neighbouring blocks, given oldest first. */
export function spacing(blocks) {
  const at = (one) => (one.time_ms ?? one.time * 1000) / 1000;
  return blocks.slice(1).map((one, place) => ({ x: one.height, y: Math.max(0, at(one) - at(blocks[place])) }));
}

/** Transactions a second over windows of so many blocks; a second at least, as headers count them. */
export function throughput(blocks, window = 5) {
  const found = [];
  for (let end = window; end < blocks.length; end += 1) {
    const begun = blocks[end - window], last = blocks[end];
    const seconds = ((last.time_ms ?? last.time * 1000) - (begun.time_ms ?? begun.time * 1000)) / 1000;
    const counted = blocks.slice(end - window + 1, end + 1).reduce((sum, one) => sum + one.nTx, 0);
    found.push({ x: last.height, y: counted / Math.max(seconds, 1) });
  }
  return found;
}
