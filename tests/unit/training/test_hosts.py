"""Two machines, simulated by network namespaces, train one model."""

import contextlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import sys
import numpy as np
import paradime

X = np.random.default_rng(0).normal(size=(200, 5)).astype("float32")
mds = paradime.ParametricMDS(epochs=2, random_state=0).fit(X)
np.save(sys.argv[1], mds.transform(X))
"""


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def hosts():
    """Two network namespaces, whose addresses are 10.77.0.1 and 10.77.0.2."""
    if shutil.which("ip") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs the rights to make network namespaces")
    names = [f"paradime-{os.getpid()}-{number}" for number in (1, 2)]
    with contextlib.ExitStack() as cleanup:
        for name in names:
            if not ip("netns", "add", name):
                pytest.skip("needs the rights to make network namespaces")
            cleanup.callback(ip, "netns", "del", name)
        first, second = names
        made = ip("-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)
        if not made:
            pytest.skip("needs the rights to make network namespaces")
        for number, name in enumerate(names, start=1):
            assert ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            assert ip("-n", name, "link", "set", "eth0", "up")
            assert ip("-n", name, "link", "set", "lo", "up")
        yield names


def test_two_machines_train_one_model(hosts, tmp_path):
    processes = []
    for rank, host in enumerate(hosts):
        group = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "MASTER_ADDR": "10.77.0.1", "MASTER_PORT": 29400}
        environment = {name: str(value) for name, value in {**group, "GLOO_SOCKET_IFNAME": "eth0"}.items()}
        command = ["ip", "netns", "exec", host, sys.executable, "-c", SCRIPT, str(tmp_path / f"{rank}.npy")]
        processes.append(
            subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)
        )
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in range(2))
    np.testing.assert_array_equal(first, second)
