"""What a run asks of Kubernetes by the kind of its platforms: memory, and shared memory where there is a browser.

A run tag that Dagster's `K8sRunLauncher` reads; other launchers leave it alone.
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from platform_assets.products.platform import WorkerKind

K8S_TAG = "dagster-k8s/config"

_SHARED = "shared-memory"

_HTTP: Mapping[str, Any] = {
    "container_config": {
        "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}},
    },
}

# 4 GiB and 2 GiB of shared memory, where Chromium keeps what its processes share; a container has 64 MiB by default.
# What is in a volume of memory counts towards the container's limit.
_BROWSER: Mapping[str, Any] = {
    "container_config": {
        "resources": {"requests": {"memory": "4Gi"}, "limits": {"memory": "6Gi"}},
        "volume_mounts": [{"name": _SHARED, "mount_path": "/dev/shm"}],  # noqa: S108 - a mount, no temporary file
    },
    "pod_spec_config": {
        "volumes": [{"name": _SHARED, "empty_dir": {"medium": "Memory", "size_limit": "2Gi"}}],
    },
}

_SIZES: Mapping[WorkerKind, Mapping[str, Any]] = MappingProxyType(
    {WorkerKind.HTTP: _HTTP, WorkerKind.BROWSER: _BROWSER}
)


def worker_tags(kinds: Iterable[WorkerKind]) -> dict[str, str]:
    """The run tags for a run over platforms of these kinds: a browser's size if one of them needs it."""
    needed = WorkerKind.BROWSER if WorkerKind.BROWSER in set(kinds) else WorkerKind.HTTP
    return {K8S_TAG: json.dumps(_SIZES[needed])}
