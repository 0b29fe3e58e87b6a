"""Starting several processes, and never waiting for them for ever."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Seconds that only a hang takes, however busy the machine is.
HANGS = 600


def environment(**more):
    path = os.pathsep.join(map(str, (ROOT, ROOT / 'tests', Path(__file__).parent)))
    fixed = {'PYTHONPATH': path, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}
    return {**os.environ, **fixed, 'PORT': free_port(), **more}


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return str(free.getsockname()[1])


def start(*command, cwd=ROOT, **env):
    """A process in a session of its own, its output in one pipe."""
    return subprocess.Popen(
        [*map(str, command)],
        cwd=cwd,
        env=environment(**env),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish(process, timeout=HANGS):
    """Waits for the end; a hang becomes an error, and leaves nothing running.

    Returns:
        str: What was printed.
    """
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        # torchrun's workers are in sessions of their own: it has to end them itself.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            text = process.communicate(timeout=40)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text = ''
        raise AssertionError(f'still running after {timeout} s:\n{text[-4000:]}') from None


def run(*command, timeout=HANGS, **kwargs):
    """Runs to a good end; returns what was printed."""
    process = start(*command, **kwargs)
    text = finish(process, timeout)
    assert process.returncode == 0, text[-4000:]
    return text


def torchrun(script, *args, **kwargs):
    """Runs a script of this folder in two processes."""
    launcher = ('-m', 'torch.distributed.run', '--nproc_per_node=2', '--master_addr=127.0.0.1')
    script = Path(__file__).with_name(script)
    return run(sys.executable, *launcher, f'--master_port={free_port()}', script, *args, **kwargs)
