// ---- the scan and its labels, as plain bytes that all planes are cut from

const count = data.grey.length;
const [rows, columns] = data.shape;
const [high, wide] = data.pixels;  // of a grey picture
const steps = {x: columns, y: rows, z: count};
const edges = [0];  // of the slices, in mm from the head
for (const mm of data.thickness) edges.push(edges.at(-1) + mm);
const size = {x: columns * data.spacing[1], y: rows * data.spacing[0], z: edges.at(-1)};  // mm

// Lines of a coronal or sagittal picture, evenly spaced in mm: which slice each shows.
const thinnest = Math.min(...data.thickness);
const uneven = Math.max(...data.thickness) > 1.001 * thinnest;
const lines = uneven ? Math.min(2048, Math.ceil(size.z / thinnest)) : count;
const ladder = Array.from({length: lines}, (_, i) => i);
if (uneven) {
  for (const i of ladder.keys()) ladder[i] = nearest('z', (i + 0.5) * size.z / lines);
}

const scan = {
  from: {x: 0, y: 0, z: 0}, shape: {x: wide, y: high, z: count},
  pitch: {x: size.x / wide, y: size.y / high}, values: new Uint8Array(count * high * wide),
};
let labels = null;  // the same for classes, as far as there are any, in pixels of the original

function middle(axis, k) {  // of slice, row or column k, in mm
  return axis === 'z' ? (edges[k] + edges[k + 1]) / 2 : (k + 0.5) * size[axis] / steps[axis];
}

function nearest(axis, mm) {  // the slice, row or column there
  let k = Math.floor(mm / size[axis] * steps[axis]);
  if (axis === 'z') k = edges.findIndex((edge) => edge > mm) - 1;
  if (axis === 'z' && k < 0) k = mm > 0 ? count - 1 : 0;
  return Math.max(0, Math.min(steps[axis] - 1, k));
}

// A plane of a block through a point: pixels, and where they lie in mm; null beside the block.
function cut({from, shape, pitch, values}, [across, down, through], point) {
  const stride = {x: 1, y: shape.x, z: shape.x * shape.y};
  const own = through === 'z' ? point.z : Math.floor(middle(through, point[through]) / pitch[through]);
  const depth = own - from[through];
  if (depth < 0 || depth >= shape[through]) return null;
  let starts = Array.from({length: shape[down]}, (_, i) => i), first = from[down], step = pitch[down];
  if (down === 'z') {
    first = ladder.findIndex((k) => k >= from.z);
    starts = ladder.filter((k) => k >= from.z && k < from.z + shape.z).map((k) => k - from.z);
    step = size.z / lines;
    if (!starts.length) return null;  // too thin for a line
  }
  const width = shape[across], out = new Uint8Array(width * starts.length);
  starts.forEach((line, j) => {
    let i = depth * stride[through] + line * stride[down];
    for (let to = j * width; to < (j + 1) * width; to++, i += stride[across]) out[to] = values[i];
  });
  return {
    values: out, columns: width, rows: starts.length,
    x: from[across] * pitch[across], y: first * step,
    width: width * pitch[across], height: starts.length * step,
  };
}

// ---- unpacking

async function picture(kind, base64) {
  const image = new Image();
  image.src = `data:image/${kind};base64,${base64}`;
  await image.decode();
  return image;
}

const unpacker = element('canvas', {width: wide, height: high});
const unpacked = new Map();  // slice to the promise of its pixels in the scan

function slice(k) {
  if (!unpacked.has(k)) unpacked.set(k, unpack(k));
  return unpacked.get(k);
}

async function unpack(k) {
  const image = await picture('jpeg', data.grey[k]);
  const context = unpacker.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const rgba = context.getImageData(0, 0, wide, high).data;
  const start = k * wide * high;
  for (let i = 0; i < wide * high; i++) scan.values[start + i] = rgba[4 * i];
}

async function unpackLabels() {
  if (!data.labels) return;
  const packed = Uint8Array.from(atob(data.labels.zlib), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const values = new Uint8Array(await new Response(stream).arrayBuffer());
  const named = ([z, y, x]) => ({x, y, z});
  labels = {
    from: named(data.labels.from), shape: named(data.labels.shape),
    pitch: {x: data.spacing[1], y: data.spacing[0]}, values,
  };
}
