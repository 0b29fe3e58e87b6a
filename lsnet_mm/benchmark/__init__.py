"""Systems side by side in one process: what ``tools/benchmark.py`` does."""

from . import peer_net  # noqa: F401  registers
from .peers import PEERS, Peer
from .scene import Scene, phantom_scene, read_scene
from .subject import Subject
from .switches import Switches

__all__ = ['PEERS', 'Peer', 'Scene', 'Subject', 'Switches', 'phantom_scene', 'read_scene']
