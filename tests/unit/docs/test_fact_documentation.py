# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fact modules promise: RETURN, JSON Schema, options and docs say the same."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.podnet.lab.plugins.doc_fragments.facts import ModuleDocFragment
from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import ARGUMENT_SPEC
from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import NAMES, SUBSETS
from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import TRUST

jsonschema = pytest.importorskip("jsonschema")

CHECKOUT = Path(__file__).resolve().parents[3]
MODULES = {
    "netns_facts": "podnet_netns",
    "veth_facts": "podnet_veth",
    "bridge_facts": "podnet_bridge",
    "pod_cidr_facts": "podnet_pod_cidr",
}
SERVICES = {"service_rule_facts": "podnet_service"}
"""Read by a module of its own, which is not part of the common one."""
TYPES = {"str": "string", "int": "integer", "bool": "boolean", "dict": "object", "list": "array", "float": "number"}


def _constant(module: str, name: str) -> Any:
    """A YAML constant of a module, read without importing it."""
    tree = ast.parse((CHECKOUT / "plugins" / "modules" / (module + ".py")).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{module} has no {name}")


def _schema(key: str) -> dict[str, Any]:
    schema = json.loads((CHECKOUT / "docs" / "schema" / (key + ".schema.json")).read_text(encoding="utf-8"))
    assert isinstance(schema, dict)
    return schema


def _differences(returned: dict[str, Any], schema: dict[str, Any], path: str) -> list[str]:
    """Every place where a RETURN entry and its schema do not say the same."""
    found = []
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if TYPES[returned["type"]] not in types:
        found.append(f"{path}: RETURN says {returned['type']}, the schema {types}")
    if "array" in types:
        schema = schema["items"]
        if TYPES[returned["elements"]] != schema["type"]:
            found.append(f"{path}: elements are {returned['elements']} or {schema['type']}")
    properties, contains = schema.get("properties"), returned.get("contains")
    if (properties is None) != (contains is None):
        return [*found, f"{path}: one of both does not say what is in it"]
    if properties is None or contains is None:
        return found
    if schema["additionalProperties"] is not False:
        found.append(f"{path}: the schema allows anything")
    found += [f"{path}.{name} is missing in RETURN" for name in sorted(set(properties) - set(contains))]
    found += [f"{path}.{name} is missing in the schema" for name in sorted(set(contains) - set(properties))]
    for name in sorted(set(properties) & set(contains)):
        always = contains[name]["returned"] == "success"
        if always != (name in schema["required"]):
            found.append(f"{path}.{name}: required by one of both only")
        found += _differences(contains[name], properties[name], f"{path}.{name}")
    return found


@pytest.mark.parametrize(("module", "key"), (MODULES | SERVICES).items())
def test_return_and_schema_have_the_same_fields(module: str, key: str) -> None:
    facts = _constant(module, "RETURN")["ansible_facts"]["contains"]
    assert list(facts) == [key]
    assert _differences(facts[key], _schema(key), key) == []


def test_the_common_module_says_where_each_of_its_keys_is_described() -> None:
    together = _constant("pod_network_facts", "RETURN")["ansible_facts"]["contains"]
    assert list(together) == list(MODULES.values())
    for module, key in MODULES.items():
        assert f"RV(podnet.lab.{module}#module:ansible_facts.{key})" in together[key]["description"]


@pytest.mark.parametrize("key", (MODULES | SERVICES).values())
def test_schema_is_one(key: str) -> None:
    schema = _schema(key)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def _samples(entry: dict[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    found = [(entry, entry["sample"])] if "sample" in entry else []
    for inner in entry.get("contains", {}).values():
        found += _samples(inner)
    return found


def test_samples_are_of_the_type_that_they_show() -> None:
    python = {"str": str, "int": int, "bool": bool, "dict": dict, "list": list, "float": float}
    returned = [_constant(module, "RETURN")["ansible_facts"] for module in MODULES | SERVICES]
    samples = [sample for facts in returned for sample in _samples(facts)]
    assert len(samples) > 100
    for entry, sample in samples:
        assert sample.__class__ is python[entry["type"]], entry


@pytest.mark.parametrize("module", [*MODULES, *SERVICES, "pod_network_facts"])
def test_examples_use_full_names_and_no_injected_variables(module: str) -> None:
    examples = _constant(module, "EXAMPLES")
    assert len(examples) >= 3
    text = yaml.safe_dump(examples)
    assert "podnet.lab." + module in text
    assert not re.search(r"(?<!ansible_facts[.])\bpodnet_(netns|veth|bridge|pod_cidr|service)\b", text)


def test_options_are_documented_as_they_are() -> None:
    options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(options) == set(ARGUMENT_SPEC)
    for name, spec in ARGUMENT_SPEC.items():
        for field in ("type", "elements", "default"):
            assert options[name].get(field) == spec.get(field), (name, field)
    assert list(options["on_timeout"]["choices"]) == ARGUMENT_SPEC["on_timeout"]["choices"]


def test_every_subset_is_documented() -> None:
    description = "\n".join(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["gather_subset"]["description"])
    page = (CHECKOUT / "docs" / "facts.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"V({name})" in description, name
        assert f"`{name}`" in page, name
    assert set(re.findall(r"V\(([a-z_]+)\)", description)) == set(NAMES)


def test_every_field_and_source_is_on_the_page() -> None:
    page = "".join((CHECKOUT / "docs" / name).read_text(encoding="utf-8") for name in ("facts.md", "services.md"))

    def names(schema: dict[str, Any]) -> set[str]:
        inner = schema.get("items", schema).get("properties", {})
        return set(inner).union(*(names(value) for value in inner.values()))

    for key in (MODULES | SERVICES).values():
        missing = {name for name in names(_schema(key)) if f"`{name}`" not in page}
        assert missing == set(), key
    assert [source for source in TRUST if f"`{source}`" not in page] == []


def test_subsets_that_a_field_names_exist() -> None:
    for key in MODULES.values():
        text = (CHECKOUT / "docs" / "schema" / (key + ".schema.json")).read_text(encoding="utf-8")
        named = set(re.findall(r"[Ss]ubset (\w+)", text)) - {"of"}
        assert named <= set(SUBSETS), named
