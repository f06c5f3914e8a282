"""Which runner the services open for a tenant."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.runners.cloud_run_job import CloudRunJobRunner
from resources.runners.http_service import HttpServiceRunner
from resources.runners.local import LocalRunner


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = Settings(home=tmp_path, cloud_run_project="project", log_file=Path("/dev/null"))
    services = Services(settings)
    yield services
    services.state.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("local", LocalRunner),
        ("cloud_run_job", CloudRunJobRunner),
        ("http_service", HttpServiceRunner),
    ],
)
def test_a_tenant_has_the_runner_that_it_was_moved_to(
    services: Services, name: str, kind: type[object]
):
    services.runner_choices.move("acme", name)
    assert isinstance(services.tags_runner("acme"), kind)
    assert isinstance(services.tags_runner("beta"), LocalRunner)


def test_a_cloud_run_job_without_a_project_is_refused(tmp_path: Path):
    services = Services(Settings(home=tmp_path, tags_runner="cloud_run_job"))
    with pytest.raises(RefusedError, match="SLUICE_CLOUD_RUN_PROJECT"):
        services.tags_runner("acme")
    services.state.close()


def test_a_runner_that_this_version_does_not_have_is_refused_instead_of_guessed(services: Services):
    services.notes.put("tags/runners", {"acme": "kubernetes"})
    with pytest.raises(RefusedError, match="kubernetes") as caught:
        services.tags_runner("acme")
    assert caught.value.kind == "unknown_runner"
