# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first L-SNet
#
# A pancreas fills less than a hundredth of most CT slices. L-SNet looks for it first, then looks
# closely:
#
#     slice -> L-Net -> box -> RoI recalibration -> crop -> S-Net -> mask -> pasted back
#
# Here we train one on an invented abdomen (a *phantom*: no patients, no download) and look inside
# it, in about three minutes on a CPU. It runs where it lies, in a clone with `make venv` or
# the [installation](../get_started.md#install) done:
#
#     pip install jupyterlab
#     cd docs/tutorials
#     jupyter lab first_lsnet.ipynb      # first_lsnet.py has the same cells as text, for an editor
#
# What it writes goes to a temporary folder, which the last cell removes.

# %%
import tempfile
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
import torch
from IPython.display import Markdown, display
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from PIL import Image
from torch import nn

from lsnet_mm.apis import LSNetInferencer, load_model
from lsnet_mm.evaluation.results import read_curve
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.experiments.reproduction.box_analysis import box_gradient, gradient_table
from lsnet_mm.models.geometry import boxes_to_rois
from lsnet_mm.registry import DATASETS
from lsnet_mm.utils import read_config
from lsnet_mm.utils.colors import BOX, GT, PRED
from lsnet_mm.visualization import (
    HEAT,
    SliceView,
    draw_boxes,
    draw_mask,
    draw_panel,
    new_figure,
    show_image,
    to_png,
)

torch.set_num_threads(1)  # on any machine the same sums in the same order
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


def show(png, shrink=1):
    """Show a PNG in 256 colours, rare ones kept, so that this notebook stays small."""
    picture = Image.open(BytesIO(png)).convert('RGB').reduce(shrink)
    display(picture.quantize(256, Image.Quantize.MAXCOVERAGE))


# %% [markdown]
# ## Data and config
#
# Sixteen phantoms of 24 slices: twelve to train on, four to validate on.

# %%
data = write_prepared(folder / 'phantom', n_cases=16, seed=0)
sorted(path.name for path in data.iterdir())

# %% [markdown]
# A config says everything: nets, data, training. We take the demo's, tell it where the data are,
# and train for fewer epochs, without processes of their own for loading.

# %%
options = {
    'work_dir': str(folder / 'run'),
    'train_cfg.max_epochs': 20,
    'train_cfg.val_interval': 20,
    'default_hooks.logger.interval': 10,
    'log_level': 'ERROR',
}
for part in ('train', 'val', 'test'):
    options[f'{part}_dataloader.dataset.data_root'] = str(data)
    options[f'{part}_dataloader.num_workers'] = 0
cfg = read_config('../../configs/lsnet/lsnet_small_phantom.py', options)
print(cfg.model.localizer.type, cfg.model.roi_extractor.type, cfg.model.segmentor.type)

# %% [markdown]
# ## A slice and its mask

# %%
dataset = DATASETS.build(cfg.val_dataloader.dataset)
slices = [dataset[k] for k in range(len(dataset))]
areas = [int(one['data_samples'].gt_sem_seg.data.sum()) for one in slices]
with_organ = [k for k, area in enumerate(areas) if area]
largest = int(np.argmax(areas))


def grey(one):
    """The grey values (H, W) of a slice."""
    return one['inputs'][0].numpy()


view = SliceView(grey(slices[largest]), slices[largest]['data_samples'])
show(draw_panel([view], ['the largest pancreas of validation'], dpi=90))

# %% [markdown]
# *The organ (outlined, close by on the right) is a small part of the slice, and its neighbours are
# as bright as it is. The box around it is what L-Net has to find. (The back is at the top, as in
# the files of Pancreas-CT.)*
#
# ## Training
#
# Every batch is used twice: L-Net learns from its own loss, then S-Net learns on crops by L-Net's
# boxes, and a part of *that* gradient flows back through the crop into L-Net.

# %%
runner = Runner.from_cfg(cfg)
runner.train()
curve = read_curve(folder / 'run')

# %% [markdown]
# *DSC is the overlap with the true mask in percent, here of four bodies that the nets have not
# seen. The oracle rows are with true boxes: what lies between the two was lost by L-Net.*

# %%
epochs = [row['epoch'] for row in curve['train']]
figure = new_figure(6, 2.4, 75)
axes = figure.subplots()
for name, color in (('localizer', '#0072B2'), ('segmentor', PRED)):
    losses = [sum(v for key, v in row.items() if key.startswith(name)) for row in curve['train']]
    axes.plot(epochs, losses, color=color, label=name)
axes.set(xlabel='epoch', ylabel='loss', xticks=epochs[4::5])
axes.legend()
show(to_png(figure))

# %% [markdown]
# *S-Net's loss falls at once, for half of its crops are by true boxes (`roi_mixing`); L-Net's falls
# slowly. Finding the box is the harder half.*
#
# ## Step by step through one slice
#
# L-Net answers with a heatmap of centres, and with a box around each place where the map is hot.

# %%
checkpoint = (folder / 'run' / 'last_checkpoint').read_text()
model = load_model(cfg, checkpoint, 'cpu')


def as_batch(numbers):
    """Slices of validation as the model takes them: images (N, C, H, W), and their samples."""
    batch = model.data_preprocessor(pseudo_collate([slices[k] for k in numbers]))
    return batch['inputs'], batch['data_samples']


inputs, samples = as_batch([largest])
with torch.no_grad():
    (found,) = model.localize(inputs, samples)
heatmap = samples[0].pred_heatmap.data[0].numpy()
print('heatmap', heatmap.shape, 'boxes', found.bboxes.round().tolist())

# %% [markdown]
# RoI recalibration (RR) samples each box, with a margin, to one fixed size. S-Net segments the
# crop, and RR puts its probabilities back where they came from.

# %%
size = inputs.shape[-2:]
rois = boxes_to_rois([found.bboxes])  # image number, x1, y1, x2, y2
with torch.no_grad():
    crops = model.roi_extractor.crop(inputs, rois)
    logits = model.segmentor.encode_decode(crops, [dict(img_shape=crops.shape[-2:])] * len(crops))
    pasted = model.roi_extractor.paste(logits.sigmoid(), rois, size, num_images=1)
print('crops', tuple(crops.shape), 'pasted', tuple(pasted.shape))

# %%
truth = samples[0].gt_sem_seg.data[0].numpy() > 0
mask = pasted[0, 0].numpy() > 0.5
crop = crops[0].mean(dim=0).numpy()

figure = new_figure(11, 3.1, 75)
found_at, cropped, segmented, back = figure.subplots(1, 4)
show_image(found_at, grey(slices[largest]))
found_at.imshow(heatmap, cmap=HEAT, vmin=0, vmax=1, extent=(0, size[1], size[0], 0))
draw_boxes(found_at, found.bboxes.numpy(), BOX)
draw_boxes(found_at, model.roi_extractor.regions(rois, size).numpy(), BOX, '--')
for axes in (cropped, segmented):
    axes.imshow(crop, cmap='gray', extent=(0, crop.shape[1], crop.shape[0], 0))
    axes.set(xticks=[], yticks=[])
draw_mask(segmented, logits[0, 0].numpy() > 0, PRED, filled=True)
show_image(back, grey(slices[largest]))
draw_mask(back, mask, PRED, filled=True)
draw_mask(back, truth, GT)
x1, y1, x2, y2 = view.window()
for axes in (found_at, back):
    axes.set(xlim=(x1, x2), ylim=(y2, y1))
titles = ('L-Net: heatmap and box', 'RR: the crop', 'S-Net: its mask', 'RR: pasted back')
for axes, title in zip((found_at, cropped, segmented, back), titles, strict=True):
    axes.set_title(title, fontsize=10)
show(to_png(figure))

# %% [markdown]
# *The map is hot in the organ's middle; the crop is what lies in the dashed box, L-Net's with a
# margin. L-Net's own (solid) cuts the left end of the organ off, the margin gives it back, and
# S-Net still misses a part of it: compare its mask (orange) with the true outline (green).*
#
# ## The way of the gradient
#
# A crop is a differentiable function of its box. So the loss of S-Net's mask has a gradient on the
# box, and L-Net can learn from it. To look at it, we put a first stage in L-Net's place that
# proposes what it is told.


# %%
class GivenBoxes(nn.Module):
    """All that LSNet asks of a first stage in this phase is `propose`."""

    def propose(self, inputs, samples):
        return self.rois


teacher = load_model(cfg, checkpoint, 'cpu')
teacher.localizer = GivenBoxes()
teacher.roi_mixing = None  # no true boxes among them
teacher.gamma = 1.0  # the gradient undiminished


def loss_and_gradient(boxes, moving):
    """The loss of the masks by boxes (n, 4), one a slice of the batch, and its gradient (n, 4)."""
    boxes = boxes.clone().requires_grad_()
    teacher.localizer.rois, teacher.moving_target = boxes_to_rois([*boxes[:, None]]), moving
    loss, _ = teacher.parse_losses(teacher(inputs, samples, mode='loss_segmentor'))
    return loss.item(), torch.autograd.grad(loss, boxes)[0]


# %% [markdown]
# We push the true boxes of some slices sideways and ask for the loss and its slope. What matters
# is what S-Net's answer is compared with: a mask that is cropped by the same box and **moves** with
# it, or one that was cut out before and stays **fixed** while the box moves.

# %%
inputs, samples = as_batch(with_organ[::3])
true_boxes = torch.cat([sample.gt_instances.bboxes[:1] for sample in samples])
widths = true_boxes[:, 2] - true_boxes[:, 0]
sideways = widths[:, None] * torch.tensor([1.0, 0.0, 1.0, 0.0])
shifts = np.linspace(-0.6, 0.6, 13)
half = np.array([-0.04, 0.04])  # of a line's length

figure, home = new_figure(9, 2.9, 75), {True: 0, False: 0}
for axes, moving in zip(figure.subplots(1, 2, sharey=True), (True, False), strict=True):
    for shift in shifts:
        loss, gradient = loss_and_gradient(true_boxes + shift * sideways, moving)
        slope = float((gradient * sideways).sum())
        home[moving] += slope * shift > 1e-9
        axes.plot(100 * shift, loss, 'o', color='#1A1A1A')
        axes.plot(100 * (shift + half), loss + slope * half, color=PRED, lw=2)
    axes.set_title(f'{"moving" if moving else "fixed"} target: {home[moving]} of 12 lead home')
    axes.set(xlabel='away from the true box, % of its width', ylabel='loss of the mask')
show(to_png(figure))

# %% [markdown]
# *Points are the loss, lines the slope that autograd gives there. With the moving target a step
# down leads home from both sides, but for the flat bottom; with the fixed one nearly all lines
# point down to the right: on the right of the true box most steps lead further away.*
#
# The same for all four edges of a box, on all slices of validation: each edge is moved at random,
# by at most 10, 30 or 60 percent of the box's side. How often does a step down the loss lead to the
# true box?

# %%
directions = box_gradient(model, dataset, seed=0)
display(Markdown(gradient_table({'this notebook': directions})))

# %% [markdown]
# *The last column: how often the loss is lower at the true box than at the moved one. By chance all
# would be half. The moving target leads home more often than the fixed one, at every
# error; that is why it is the default (`moving_target=True`).*
#
# How much of the gradient reaches L-Net is `gamma`'s affair, by default a tenth: a loss of masks is
# not yet a loss of boxes.

# %%
student = load_model(cfg, checkpoint, 'cpu')
student.roi_mixing = None
lengths = {}
for gamma in (1.0, 0.1, 0.0):
    student.gamma = gamma
    student.zero_grad()
    torch.manual_seed(0)  # training takes one of the three hottest cells at random
    loss, _ = student.parse_losses(student(inputs, samples, mode='loss_segmentor'))
    loss.backward()
    gradients = [w.grad.norm() for w in student.localizer.parameters() if w.grad is not None]
    lengths[gamma] = float(sum(g.square() for g in gradients)) ** 0.5
    print(f'gamma {gamma}: {len(gradients)} weights of L-Net, length {lengths[gamma]:.3f}')

# %% [markdown]
# *A tenth of gamma is a tenth of the gradient. At zero there is none: two nets, each trained by
# itself.*
#
# ## Looking again
#
# A mask has a box of its own, often a better one than L-Net's. `rounds` crops again by it, until
# two masks agree (`agreement`, as Dice) or the rounds are used up.


# %%
def segment(k, rounds):
    """A slice of validation with the answer after at most so many rounds."""
    model.test_cfg.update(rounds=rounds, agreement=0.95)
    with torch.no_grad():
        return model.test_step(pseudo_collate([slices[k]]))[0]


def dsc(found, true):
    """Overlap of two masks in percent."""
    found, true = found > 0, true > 0
    return float(200 * (found & true).sum() / (found.sum() + true.sum()))


def score(k, rounds):
    answer = segment(k, rounds)
    return dsc(answer.pred_sem_seg.data, answer.gt_sem_seg.data)


once, again = ({k: score(k, rounds) for k in with_organ} for rounds in (0, 10))
mean_once, mean_again = (np.mean(list(scores.values())) for scores in (once, again))
print(f'slices with pancreas: DSC {mean_once:.1f} at one look, {mean_again:.1f} with rounds')

# %%
helped = max(with_organ, key=lambda k: again[k] - once[k])
figure = new_figure(8, 3.1, 75)
for rounds, axes in enumerate(figure.subplots(1, 3)):
    view = SliceView(grey(slices[helped]), segment(helped, rounds))
    x1, y1, x2, y2 = view.window()
    show_image(axes, view.image)
    draw_mask(axes, view.pred > 0, PRED, filled=True)
    draw_mask(axes, view.gt > 0, GT)
    draw_boxes(axes, view.pred_boxes, BOX, '--')
    axes.set(xlim=(x1, x2), ylim=(y2, y1))
    axes.set_title(f'rounds={rounds}: DSC {score(helped, rounds):.0f}', fontsize=10)
show(to_png(figure))

# %% [markdown]
# *The slice that rounds help most, not a usual one: the first box (dashed) cuts the organ, and each
# crop after it takes in more of it.*
#
# ## Nothing to find
#
# Most slices of a study have no pancreas. Where the heatmap stays cold there is no box, S-Net does
# not run, and the mask is empty.

# %%
empty = [k for k, area in enumerate(areas) if not area]
silent = [k for k in empty if not segment(k, 10).pred_sem_seg.data.any()]
print(f'{len(silent)} of {len(empty)} empty slices are left empty')

figure = new_figure(6, 3.2, 75)
for axes, k in zip(figure.subplots(1, 2), (largest, silent[len(silent) // 2]), strict=True):
    answer = segment(k, 10)
    heatmap = answer.pred_heatmap.data[0].numpy()
    show_image(axes, grey(slices[k]))
    axes.imshow(heatmap, cmap=HEAT, vmin=0, vmax=1, extent=(0, size[1], size[0], 0))
    draw_boxes(axes, answer.pred_instances.bboxes.numpy(), BOX)
    axes.set_title(f'{"with" if areas[k] else "without"}: hottest {heatmap.max():.2f}', fontsize=10)
show(to_png(figure))

# %% [markdown]
# *On the right the map is nowhere above its threshold (0.4 here): no box, no mask.*
#
# ## A whole study
#
# For use there is one door. It takes a folder of DICOM or a NIfTI file and answers in the axes of
# the input; the command `lsnet-segment` does the same.

# %%
inferencer = LSNetInferencer(cfg, checkpoint, device='cpu', show_progress=False)
case = dataset.get_data_info(0)
result = inferencer(case['img_path'], return_vis=True)
answer, label = result['predictions'][0], nibabel.load(case['seg_map_path'])
volume_dsc = dsc(answer['mask'], label.get_fdata())
true_ml = float((label.get_fdata() > 0).sum() * np.prod(label.header.get_zooms()) / 1000)
print(f'DSC {volume_dsc:.1f}, {answer["volume_ml"]["pancreas"]:.0f} ml, in truth {true_ml:.0f} ml')
show(result['visualization'][0], shrink=2)

# %% [markdown]
# *Slices with a mask, and one on either side, now as radiologists look at them. A number that is
# missing in the middle is a slice where L-Net saw nothing: each slice is segmented by itself.*
#
# ## From here
#
# - [Your own data](../data.md): a download of Pancreas-CT, an nnU-Net set, slices in folders.
# - [Configs](../configs.md): another backbone, another S-Net, another first stage.
# - [Training](../training.md): the loop, and everything that goes with it.
# - [Results](../results.md): what all this is worth on real patients.

# %%
temporary.cleanup()
