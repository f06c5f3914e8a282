"""The real steps as tasks load them."""

import subprocess
import sys

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.tags.dictionary.dictionary import dump, load_dictionary
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.shards.manifest import Manifest, WorkSettings
from platform_assets.tags.table.steps import StepInputs, load_steps, name_versions, read_inputs
from tests.architecture.source_tree import ROOT
from tests.fakes.memory_objects import MemoryObjectStore

PLACE = TenantSource("acme", "board")
DICTIONARY = load_dictionary("tag_id,term\nmood.good,좋다\n".encode(), "tags.csv").dictionary
DATA = dump(DICTIONARY)


def make_manifest(tokenizer: str = "plain") -> Manifest:
    work = WorkSettings(DICTIONARY.version, tokenizer=tokenizer)
    return Manifest("j1", PLACE, ("00",), {"00": ()}, work)


def test_inputs_are_read_from_where_tenants_and_people_put_them():
    objects = MemoryObjectStore()
    objects.put(make_manifest().work.dictionary, DATA)
    assert read_inputs(objects, make_manifest()) == StepInputs(None, DATA)
    objects.put(PLACE.options_key, b"{}")
    assert read_inputs(objects, make_manifest()) == StepInputs(b"{}", DATA)


def test_a_dictionary_that_is_not_stored_is_said_to_be_missing():
    with pytest.raises(PermanentError) as raised:
        read_inputs(MemoryObjectStore(), make_manifest())
    assert raised.value.kind == "dictionary_missing"
    assert DICTIONARY.version in raised.value.message


@pytest.mark.parametrize("options", [None, b"", b"{}", bytes(range(256)), "가".encode("cp949")])
def test_inputs_come_through_json_as_they_are(options: bytes | None):
    inputs = StepInputs(options, bytes(range(256)))
    assert StepInputs.of_json(inputs.to_json()) == inputs


def test_options_that_cannot_be_used_are_refused():
    with pytest.raises(PermanentError) as raised:
        load_steps(make_manifest(), StepInputs(b"[]", DATA))
    assert raised.value.kind == "bad_options"


def test_versions_change_with_the_options_the_dictionary_and_the_tokenizer():
    plain = name_versions(make_manifest(), None)
    assert plain.dictionary == DICTIONARY.version
    assert plain.options == ""
    assert (
        name_versions(make_manifest(), b"{}").options != name_versions(make_manifest(), b"").options
    )
    assert name_versions(make_manifest("kiwi"), None).tokenizer.startswith("kiwi ")


LOAD = """
import os
from tests.unit.tags.table.test_steps import DATA, make_manifest
from platform_assets.tags.table.steps import StepInputs, load_steps
before = len(os.listdir("/proc/self/task"))
load_steps(make_manifest(), StepInputs(None, DATA))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_loading_starts_no_thread():
    said = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "0"
