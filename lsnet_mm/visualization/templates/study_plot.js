// ---- the area in each slice, as bars of mm² that stand on each other where there are classes

const [left, right, ceiling, floor] = [56, 12, 28, 100];
let step = 1;  // the width of a bar

function plot() {
  const width = by('plot').clientWidth;
  step = (width - left - right) / count;
  const sums = data.grey.map((_, k) => data.areas.reduce((sum, area) => sum + area[k], 0));
  const most = Math.max(...sums);
  const scale = (floor - ceiling) / (most || 1);
  const base = new Array(count).fill(floor);
  const bars = data.areas.map((area, i) => {
    const path = area.map((value, k) => {
      if (!value) return '';
      base[k] -= value * scale;
      return `M${left + k * step} ${base[k]}h${step}v${value * scale}h${-step}z`;
    });
    return `<path d="${path.join('')}" fill="${data.colors[i]}"/>`;
  });
  const label = `Area in each slice, at most ${most.toFixed(0)} mm²`;
  by('plot').innerHTML = `<svg role="img" aria-label="${label}">
    <text x="${left}" y="15" id="here"></text>
    <text x="${left - 6}" y="${ceiling + 9}" text-anchor="end">${most.toFixed(0)}</text>
    <text x="${left - 6}" y="${floor}" text-anchor="end">0</text>
    <text x="${left}" y="${floor + 15}">0</text>
    <text x="${width - right}" y="${floor + 15}" text-anchor="end">${count - 1}</text>
    <path class="rule" d="M${left} ${ceiling}V${floor}H${width - right}"/>
    ${bars.join('')}<path id="cursor" stroke="var(--ink)" stroke-width="2"/></svg>`;
  moveCursor();
}

function moveCursor() {
  const here = data.areas.reduce((sum, area) => sum + area[at.z], 0);
  by('here').textContent = `Area in each slice: ${here.toFixed(0)} mm² in slice ${at.z}`;
  by('cursor').setAttribute('d', `M${left + (at.z + 0.5) * step} ${ceiling - 6}V${floor + 5}`);
}

function jump(event) {
  go('z', Math.floor((event.clientX - by('plot').getBoundingClientRect().left - left) / step));
}

by('plot').addEventListener('pointerdown', jump);
by('plot').addEventListener('pointermove', (event) => { if (event.buttons & 1) jump(event); });
new ResizeObserver(plot).observe(by('plot'));
