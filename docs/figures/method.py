"""Draws `method.svg`, the README's figure: `python docs/figures/method.py`."""

from pathlib import Path

SIZE, GAP, LEFT, TOP = 124, 24, 12, 66
CROP = (38, 44, 90, 76)  # the box and its margin, in the drawn slice's coordinates
STYLE = """
.card{fill:#fff;stroke:#d0d7de} text{fill:#1f2328;font:13px system-ui,sans-serif}
.b{font-weight:600} .s{font-size:12px;fill:#57606a} .line{stroke:#1f2328;fill:none;stroke-width:1.6}
.tip{fill:#1f2328} .back{stroke:#c2410c;fill:none;stroke-width:2;stroke-dasharray:6 4}
.backtip{fill:#c2410c} .g{fill:#c2410c}
@media (prefers-color-scheme:dark){
.card{fill:#161b22;stroke:#3d444d} text{fill:#f0f6fc} .s{fill:#b1bac4} .line{stroke:#f0f6fc}
.tip{fill:#f0f6fc} .back{stroke:#fb923c} .backtip,.g{fill:#fb923c}}
"""
ORGAN = 'M46 65C47 57 56 59 62 56S78 49 83 54C86 58 76 61 70 63S58 71 52 71C47 71 45 69 46 65Z'
DEFS = f"""<defs>
<marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">
<path class="tip" d="M0 0L8 4L0 8Z"/></marker>
<marker id="backtip" markerUnits="userSpaceOnUse" markerWidth="11" markerHeight="11" refX="10"
 refY="5.5" orient="auto"><path class="backtip" d="M0 0L11 5.5L0 11Z"/></marker>
<radialGradient id="heat"><stop offset="0" stop-color="#fff3b0"/>
<stop offset=".35" stop-color="#ff8c1a"/><stop offset="1" stop-color="#ff3d00" stop-opacity="0"/>
</radialGradient>
<clipPath id="frame"><rect width="{SIZE}" height="{SIZE}"/></clipPath>
<path id="organ" d="{ORGAN}"/>
<g id="slice"><rect width="{SIZE}" height="{SIZE}" fill="#0b0d10"/>
<ellipse cx="62" cy="63" rx="56" ry="44" fill="#565b61"/>
<ellipse cx="62" cy="63" rx="51" ry="39" fill="#2d3136"/>
<path d="M15 60C14 38 32 26 52 30C62 34 50 48 46 56S22 78 15 60Z" fill="#8a9097"/>
<ellipse cx="86" cy="42" rx="17" ry="10" fill="#777d84" transform="rotate(-18 86 42)"/>
<ellipse cx="36" cy="79" rx="8" ry="10" fill="#a3a9b0"/>
<ellipse cx="90" cy="79" rx="8" ry="10" fill="#a3a9b0"/>
<circle cx="56" cy="76" r="4" fill="#c4cad1"/><circle cx="67" cy="75" r="4" fill="#c4cad1"/>
<circle cx="62" cy="88" r="9" fill="#dfe3e8"/><use href="#organ" fill="#9aa0a7"/></g>
</defs>"""


def zoomed(content, size=SIZE):
    x1, y1, x2, y2 = CROP
    return f'<g transform="scale({size / (x2 - x1):.3f} {size / (y2 - y1):.3f}) translate({-x1} {-y1})">{content}</g>'  # noqa: E501


def panel(number, title, content):
    x = LEFT + number * (SIZE + GAP)
    return (
        f'<text class="b" x="{x + SIZE / 2}" y="{TOP - 9}" text-anchor="middle">{title}</text>'
        f'<g transform="translate({x} {TOP})" clip-path="url(#frame)">{content}</g>'
    )


def line(path, kind='line', tip='tip'):
    return f'<path class="{kind}" d="{path}" marker-end="url(#{tip})"/>'


def text(x, y, words, kind='s', anchor='middle'):
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>'


def bracket(first, last, words):
    x1 = LEFT + first * (SIZE + GAP)
    x2 = LEFT + last * (SIZE + GAP) + SIZE
    middle = (x1 + x2) / 2
    return f'<path class="line" d="M{x1} 37V31H{x2}V37"/>' + text(middle, 24, words)


def draw():
    slice_ = '<use href="#slice"/>'
    black = f'<rect width="{SIZE}" height="{SIZE}" fill="#0b0d10"/>'
    found = '<use href="#organ" fill="#ff8c1a"/>'
    true = '<use href="#organ" fill="#2fbf71"/>'
    box = '<rect x="44" y="50" width="41" height="22" fill="none" stroke="#4cc9f0" stroke-width="2" stroke-dasharray="4 2"/>'  # noqa: E501
    arms = '<path d="M65 60H44M65 60H85M65 60V50M65 60V72" stroke="#ffe08a" fill="none"/><circle cx="65" cy="60" r="2.4" fill="#ffe08a"/>'  # noqa: E501
    heat = f'{black}<g opacity=".35">{slice_}</g><circle cx="65" cy="60" r="24" fill="url(#heat)"/>'
    panels = [
        ('slice', slice_),
        ('heatmap', heat),
        ('box', slice_ + box + arms),
        ('recalibrated crop', zoomed(slice_)),
        ('mask', black + zoomed(found)),
        ('pasted back', slice_ + found),
    ]
    parts = [panel(k, *one) for k, one in enumerate(panels)]
    parts += [
        line(f'M{LEFT + k * (SIZE + GAP) - GAP + 3} {TOP + 62}h{GAP - 6}')
        for k in range(1, len(panels))
    ]
    parts += [
        bracket(1, 2, 'L-Net: where is it?'),
        bracket(3, 3, 'RR: one size'),
        bracket(4, 4, 'S-Net: which pixels?'),
        # The target is cut out by the same box, below the crop.
        f'<g transform="translate(487 250) scale(.5)" clip-path="url(#frame)">{black}'
        f'{zoomed(true)}</g>',
        text(518, 329, 'truth, cut by the same box:'),
        text(518, 345, 'the moving target'),
        line('M553 270H622'),
        line('M666 194V258'),
        '<rect class="card" x="624" y="260" width="84" height="42" rx="8"/>',
        text(666, 278, 'loss of S-Net', 's'),
        text(666, 294, 'Focal + Dice', 's'),
        # The way back: through S-Net and crop, and through the target, to the box.
        line('M650 258V232H400', 'back', 'backtip'),
        line('M624 294H552', 'back', 'backtip'),
        line('M485 281H370V254', 'back', 'backtip'),
        text(518, 225, 'gradient, through S-Net and crop', 's g'),
        '<rect class="card" x="318" y="212" width="80" height="40" rx="8"/>',
        text(358, 229, '× γ (0.1)', 'b'),
        text(358, 245, 'on the box', 's'),
        line('M358 210V194', 'back', 'backtip'),
        line('M316 232H222V194', 'back', 'backtip'),
        text(228, 252, 'into L-Net, which also', 's'),
        text(228, 268, 'has its own loss: heatmap', 's'),
        text(228, 284, 'and DIoU of the boxes', 's'),
    ]
    width, height = 2 * LEFT + len(panels) * SIZE + (len(panels) - 1) * GAP, 356
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>How L-SNet works</title>
<desc>L-Net makes a heatmap and a box of a slice; RoI recalibration samples the box to one size;
S-Net segments it; the mask is pasted back. The loss of S-Net goes back through the crop, and
through the ground truth cut by the same box, to the box, and times gamma into L-Net.</desc>
<style>{STYLE}</style>{DEFS}
<rect class="card" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10"/>
{chr(10).join(parts)}
</svg>
"""


if __name__ == '__main__':
    Path(__file__).with_name('method.svg').write_text(draw())
