"""The files of deploy/, as far as they can be checked without a Docker engine and without Google."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.run_v2 import Job
from google.protobuf.json_format import ParseError

from platform_assets.settings import list_variables
from tests.architecture.layers import PRODUCTION
from tests.architecture.requirements import close_over, read_requirements
from tests.architecture.source_tree import ROOT
from tests.architecture.test_constraints import read_pins

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
BASH = ("build.sh", "deploy.sh")
PLAIN = ("entrypoint.sh", "healthcheck.sh")
ROLES = ("webserver", "daemon", "code-server", "api", "tags-task", "tags-service")
PLACEHOLDER = re.compile(r"\$\{[A-Z_]+\}")
MODULE = re.compile(r"-m[ ,]+([a-z_][a-z_.]*)")
SETTING = re.compile(r"^(?:SLUICE|CRAWL)_")
HANDED_IN = re.compile(r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}")
"""What Compose fills in: a variable, and its default or what it says where there is none."""

NEEDED = {
    "--project": "a-project",
    "--region": "a-region",
    "--image": "registry.test/sluice:1&2",
    "--service-account": "tasks@a-project.iam.gserviceaccount.com",
    "--objects-url": "gs://bucket/prefix",
}


@dataclass(frozen=True)
class Instruction:
    word: str
    text: str

    @property
    def flags(self) -> list[str]:
        return [part for part in self.text.split() if part.startswith("--")]

    @property
    def operands(self) -> list[str]:
        return [part for part in self.text.split() if not part.startswith("--")]


def read_dockerfile() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    parts = [line.split(None, 1) for line in lines if line.strip()]
    return [Instruction(word, rest.strip()) for word, rest in parts]


def find(word: str) -> list[Instruction]:
    return [each for each in read_dockerfile() if each.word == word]


def list_copied() -> list[str]:
    """Paths of the repository that the image is made from."""
    copies = [each for each in find("COPY") if not any("--from" in flag for flag in each.flags)]
    return [source for each in copies for source in each.operands[:-1]]


def test_the_dockerfile_has_only_instructions_that_docker_knows() -> None:
    known = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "HEALTHCHECK"}
    assert {each.word for each in read_dockerfile()} - known == {"ENTRYPOINT", "CMD"}


def test_every_source_of_a_copy_exists() -> None:
    assert len(list_copied()) > 5
    assert [source for source in list_copied() if not (ROOT / source).exists()] == []


def test_nothing_is_copied_that_the_builder_does_not_get() -> None:
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    assert rules[1] == "*"
    assert sorted(kept) == sorted(list_copied())
    assert all((ROOT / each).exists() for each in kept)
    assert not any(fnmatchcase(".env", rule) for rule in kept)


def test_the_image_holds_all_code_that_runs() -> None:
    assert set(list_copied()) >= {*PRODUCTION, "sandbox"}


def test_nothing_comes_from_the_web_but_packages() -> None:
    assert find("ADD") == []
    assert not re.search(r"https?://(?!0\.0\.0\.0)", DOCKERFILE.read_text())


def test_every_package_of_the_image_is_pinned() -> None:
    (install,) = [each for each in find("RUN") if "-c constraints.txt" in each.text]
    extras = re.findall(r"\.\[([a-z,]+)\]", install.text)[0].split(",")
    assert set(extras) == {"ui", "aws", "gcp", "korean"}
    pins = read_pins()
    needed = close_over(read_requirements(*extras))
    assert {name for name in needed if name not in pins} == set()


def test_the_image_is_built_in_one_stage_and_runs_in_another() -> None:
    stages = [each.operands[-1] for each in find("FROM")]
    assert stages == ["build", "runtime"]
    assert {each.operands[0] for each in find("FROM")} == {"${PYTHON_IMAGE}"}
    origins = [flag for each in find("COPY") for flag in each.flags if "--from" in flag]
    assert origins == ["--from=build"]


def test_the_container_does_not_run_as_root() -> None:
    last = [each for each in read_dockerfile() if each.word in {"FROM", "USER"}][-1]
    assert last.word == "USER"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last.text)


def test_no_secret_is_in_the_image() -> None:
    names = [each.text for each in read_dockerfile() if each.word in {"ENV", "ARG"}]
    assert not re.search(r"PASSWORD|TOKEN|SECRET|_KEY|CREDENTIAL", " ".join(names))


def test_the_entry_point_takes_signals() -> None:
    (entry,) = find("ENTRYPOINT")
    assert json.loads(entry.text) == ["tini", "--", "/usr/local/bin/entrypoint.sh"]
    assert " tini " in " ".join(each.text for each in find("RUN"))


@pytest.mark.parametrize("script", [*BASH, *PLAIN])
def test_a_script_is_valid_and_stops_at_errors(script: str) -> None:
    path = DEPLOY / script
    shell, strict = ("bash", "-euo pipefail") if script in BASH else ("sh", "-eu")
    subprocess.run([shell, "-n", path], check=True)
    assert f"\nset {strict}\n" in path.read_text()
    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("file", ["entrypoint.sh", "cloud_run_job.yaml", "Dockerfile"])
def test_every_module_that_is_started_exists(file: str) -> None:
    modules = set(MODULE.findall((DEPLOY / file).read_text())) - {"venv"}
    assert {module for module in modules if find_spec(module) is None} == set()


def test_no_project_is_in_any_file() -> None:
    texts = [path.read_text() for path in DEPLOY.iterdir() if path.suffix != ".md"]
    assert not re.search(r"@[a-z0-9-]+\.iam\.gserviceaccount|pkg\.dev/[a-z]", "".join(texts))


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that only tell how they were called."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("dagster", "dagster-webserver", "dagster-daemon", "python", "gcloud", "docker"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{tmp_path}/calls"\n')
        program.chmod(0o755)
    return folder


def run_script(script: str, *arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    search = f"{path}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [DEPLOY / script, *arguments],
        env={"PATH": search, "PORT": "8099"},
        capture_output=True,
        text=True,
        check=False,
    )


def read_calls(tmp_path: Path) -> list[str]:
    calls = tmp_path / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize(
    ("role", "program"),
    [
        (
            "webserver",
            "python -m platform_assets.webserver -h 0.0.0.0 -p 3000 -w /srv/sluice/workspace.yaml --more",
        ),
        ("daemon", "dagster-daemon run -w /srv/sluice/workspace.yaml --more"),
        (
            "code-server",
            "dagster code-server start -h 0.0.0.0 -p 4000 -m platform_assets.definitions --more",
        ),
        ("api", "python -m api --more"),
        ("tags-task", "python -m platform_assets.tags.task --more"),
        (
            "tags-service",
            "python -m platform_assets.tags.service --host 0.0.0.0 --port 8099 --more",
        ),
        ("run", None),
    ],
)
def test_a_role_starts_its_program(
    role: str, program: str | None, programs: Path, tmp_path: Path
) -> None:
    more = ("docker", "x") if role == "run" else ("--more",)
    assert run_script("entrypoint.sh", role, *more, path=programs).returncode == 0
    assert read_calls(tmp_path) == [program or "docker x"]


def test_an_unknown_role_is_refused(programs: Path, tmp_path: Path) -> None:
    ended = run_script("entrypoint.sh", "worker", path=programs)
    assert ended.returncode == 64
    assert "no role 'worker'" in ended.stderr
    assert read_calls(tmp_path) == []


def test_the_entry_point_lists_its_roles(programs: Path) -> None:
    listed = run_script("entrypoint.sh", path=programs).stdout
    assert all(f" {role}" in listed for role in ROLES)


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def health_port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def check_health(role: str, port: int) -> int:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [DEPLOY / "healthcheck.sh", role],
        env={"PATH": path, "PORT": str(port)},
        capture_output=True,
        check=False,
    ).returncode


def test_the_health_check_asks_the_service(health_port: int) -> None:
    assert check_health("tags-service", health_port) == 0
    assert check_health("tags-service", 1) != 0
    assert check_health("tags-task", 1) == 0


def deploy(path: Path, *more: str, without: str = "") -> subprocess.CompletedProcess[str]:
    given = [part for name, text in NEEDED.items() if name != without for part in (name, text)]
    return run_script("deploy.sh", *given, *more, path=path)


def read_definition(text: str) -> Any:
    """The YAML that deploy.sh prints before its first command."""
    return yaml.safe_load(text.partition("\n+ ")[0])


def test_deploying_prints_the_definition_and_every_command(programs: Path, tmp_path: Path) -> None:
    ended = deploy(programs, "--caller", "serviceAccount:me")
    assert ended.returncode == 0
    calls = read_calls(tmp_path)
    assert [call.split()[:4] for call in calls] == [
        ["gcloud", "run", "jobs", "replace"],
        ["gcloud", "run", "jobs", "add-iam-policy-binding"],
        ["gcloud", "iam", "service-accounts", "add-iam-policy-binding"],
    ]
    printed = [line for line in ended.stdout.splitlines() if line.startswith("+ ")]
    assert [line.removeprefix("+ ") for line in printed] == calls
    container = read_definition(ended.stdout)["spec"]["template"]["spec"]["template"]["spec"]
    assert container["containers"][0]["image"] == NEEDED["--image"]


def test_a_dry_run_starts_nothing(programs: Path, tmp_path: Path) -> None:
    assert "gcloud run jobs replace" in deploy(programs, "--dry-run").stdout
    ended = run_script("build.sh", "--image", "a:b", "--push", "--dry-run", path=programs)
    assert "docker push a:b" in ended.stdout
    assert read_calls(tmp_path) == []


@pytest.mark.parametrize("name", list(NEEDED))
def test_deploying_refuses_to_guess(name: str, programs: Path, tmp_path: Path) -> None:
    ended = deploy(programs, without=name)
    assert ended.returncode == 64
    assert f"{name} is missing" in ended.stderr
    assert read_calls(tmp_path) == []


def test_building_here_and_in_the_cloud(programs: Path, tmp_path: Path) -> None:
    run_script("build.sh", "--image", "a:b", "--push", path=programs)
    run_script("build.sh", "--image", "a:b", "--cloud-build", "--project", "p", path=programs)
    build, push, cloud = read_calls(tmp_path)
    assert build == "docker build --file deploy/Dockerfile --tag a:b ."
    assert push == "docker push a:b"
    assert cloud.startswith("gcloud builds submit --project p --config deploy/cloudbuild.yaml")
    assert cloud.endswith("_IMAGE=a:b .")
    assert "_IMAGE" in (DEPLOY / "cloudbuild.yaml").read_text()


def translate_job(document: dict[str, Any]) -> dict[str, Any]:
    """The v2 form of a job in the form of `gcloud run jobs replace`; a field that it does not know is an error."""
    assert (document.pop("apiVersion"), document.pop("kind")) == (
        "run.googleapis.com/v1",
        "Job",
    )
    metadata, template = document.pop("metadata"), document.pop("spec")["template"]["spec"]
    assert document == {}
    task = template.pop("template")["spec"]
    task["serviceAccount"] = task.pop("serviceAccountName")
    task["timeout"] = f"{task.pop('timeoutSeconds')}s"
    assert metadata.pop("name")
    return {**metadata, "template": {**template, "template": task}}


def test_the_definition_has_only_fields_that_cloud_run_knows(programs: Path) -> None:
    document = read_definition(deploy(programs, "--dry-run").stdout)
    job = Job.from_json(json.dumps(translate_job(document)), ignore_unknown_fields=False)
    task = job.template.template
    assert job.template.parallelism == 100
    assert (task.max_retries, task.timeout.total_seconds()) == (1, 3600)
    assert task.service_account == NEEDED["--service-account"]
    (container,) = task.containers
    assert list(container.command[:4]) == ["tini", "--", "python", "-m"]
    assert {each.name: each.value for each in container.env} == {
        "SLUICE_OBJECTS_URL": NEEDED["--objects-url"]
    }
    assert set(container.resources.limits) == {"cpu", "memory"}


def test_a_field_that_cloud_run_does_not_know_is_found(programs: Path) -> None:
    document = translate_job(read_definition(deploy(programs, "--dry-run").stdout))
    document["template"]["paralelism"] = 3
    with pytest.raises(ParseError, match="paralelism"):
        Job.from_json(json.dumps(document), ignore_unknown_fields=False)


def test_no_placeholder_is_left(programs: Path) -> None:
    assert len(PLACEHOLDER.findall((DEPLOY / "cloud_run_job.yaml").read_text())) == 4
    assert PLACEHOLDER.findall(deploy(programs, "--dry-run").stdout) == []


def read_compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def list_ours() -> dict[str, dict[str, Any]]:
    """The services of our image."""
    services: dict[str, dict[str, Any]] = read_compose()["services"]
    return {name: each for name, each in services.items() if "sluice" in each["image"]}


def test_compose_starts_each_role_from_one_image() -> None:
    ours = list_ours()
    assert {each["image"] for each in ours.values()} == {"${IMAGE:-sluice:latest}"}
    roles = {name: each["command"][0] for name, each in ours.items()}
    assert roles.pop("prepare") == "run"
    assert roles == {name: name for name in ("webserver", "daemon", "code-server", "api")}
    assert set(roles) < set(ROLES)
    assert set(read_compose()["services"]) - set(ours) == {"postgres"}


def test_compose_publishes_on_loopback_only_what_people_use() -> None:
    services = read_compose()["services"]
    ports = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert ports == {"webserver": ["127.0.0.1:3000:3000"], "api": ["127.0.0.1:8000:8000"]}
    assert not any("network_mode" in each for each in services.values())


def test_compose_names_settings_that_exist_and_all_of_the_crawl() -> None:
    known = set(list_variables().values())
    for each in list_ours().values():
        named = {name for name in each["environment"] if SETTING.match(name)}
        assert named <= known
        assert named >= {name for name in known if name.startswith("CRAWL_")}
        assert each["env_file"] == [{"path": ".env", "required": False}]


def test_compose_refers_only_to_what_it_has() -> None:
    document = read_compose()
    assert set(document) == {"name", "x-service", "services", "configs", "volumes"}
    for each in document["services"].values():
        volumes = {volume.partition(":")[0] for volume in each["volumes"]}
        assert volumes <= set(document["volumes"])
        assert {config["source"] for config in each.get("configs", [])} <= set(document["configs"])
        for name, waits in each.get("depends_on", {}).items():
            other = document["services"][name]
            ends = other["restart"] == "no"
            wanted = "service_completed_successfully" if ends else "service_healthy"
            assert waits == {"condition": wanted}
            assert ends == other["healthcheck"].get("disable", False)


def test_compose_checks_the_health_of_everything_that_stays() -> None:
    tests = {name: each["healthcheck"].get("test") for name, each in list_ours().items()}
    assert tests.pop("prepare") is None
    assert set(map(tuple, tests.values())) == {("CMD", "healthcheck.sh")}
    assert read_compose()["services"]["postgres"]["healthcheck"]["test"][1] == "pg_isready"


def test_compose_holds_no_secret_and_does_not_start_without_a_password() -> None:
    found = dict(HANDED_IN.findall(COMPOSE.read_text()))
    assert found == {
        "IMAGE": "sluice:latest",
        "POSTGRES_PASSWORD": "set it in deploy/.env",
        # What tenants' sources may reach is what somebody has listed.
        "SLUICE_SOURCES_SCHEMES": "postgresql",
        "SLUICE_SOURCES_HOSTS": "none",
        "SLUICE_SOURCES_FOLDERS": "/srv/sources",
    }
    assert "${POSTGRES_PASSWORD:-" not in COMPOSE.read_text()
    for each in read_compose()["services"].values():
        for name, value in each["environment"].items():
            assert "@" not in str(value) or ":${POSTGRES_PASSWORD:?" in value
            assert not re.search(r"PASSWORD|TOKEN|SECRET", name) or value.startswith("${")


def test_compose_gives_dagster_the_projects_file_with_postgresql(
    programs: Path, tmp_path: Path
) -> None:
    command = read_compose()["services"]["prepare"]["command"]
    script = command[-1].replace("$$", "$").replace("/srv/sluice/dagster", str(ROOT))
    home = tmp_path / "home"
    search = f"{programs}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [*command[1:-1], script], env={"PATH": search, "DAGSTER_HOME": str(home)}, check=True
    )
    assert read_calls(tmp_path) == ["dagster instance info"]
    made = yaml.safe_load((home / "dagster.yaml").read_text())
    variable = "DAGSTER_POSTGRES_URL"
    assert made.pop("storage") == {"postgres": {"postgres_url": {"env": variable}}}
    assert made == yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert variable in list_ours()["daemon"]["environment"]


def test_compose_finds_the_code_where_it_is_served() -> None:
    (config,) = read_compose()["configs"].values()
    (location,) = yaml.safe_load(config["content"])["load_from"]
    assert location == {
        "grpc_server": {"host": "code-server", "port": 4000, "location_name": "sluice"}
    }
    targets = {each["configs"][0]["target"] for each in list_ours().values()}
    entry = (DEPLOY / "entrypoint.sh").read_text()
    assert all(f"-w {target}" in entry for target in targets)
