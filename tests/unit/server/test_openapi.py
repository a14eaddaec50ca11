"""The OpenAPI document: valid, whole, and its examples are what its schemas say."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

Operation = tuple[str, str, dict[str, Any]]
#: Answers that are no JSON and have no example.
_PLAIN = ("image/", "text/", "application/octet-stream")


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return copy.deepcopy(app.openapi())


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if isinstance(operation, dict):
                yield verb, path, operation


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every place that has a schema and should have an example, with its name."""
    for verb, path, operation in operations(document):
        for parameter in operation["parameters"]:
            yield f"{verb} {path} {parameter['name']}", parameter
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{verb} {path} body {kind}", content
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if not kind.startswith(_PLAIN):
                    yield f"{verb} {path} {status} {kind}", content
    for name, answer in document["components"]["responses"].items():
        for content in answer["content"].values():
            yield name, content


def test_it_is_valid_and_every_operation_is_described(document: dict[str, Any]) -> None:
    validate(document)
    lacking: list[str] = []
    ids: list[str] = []
    tags = {tag["name"] for tag in document["tags"]}
    for verb, path, operation in operations(document):
        where = f"{verb} {path}"
        ids.append(operation["operationId"])
        lacking += [
            f"{where}: {name}" for name in ("summary", "description", "tags") if not operation.get(name)
        ]
        assert set(operation["tags"]) <= tags
        answers = operation["responses"]
        if not any(status.startswith("2") for status in answers):
            lacking.append(f"{where}: no success")
        wanted = {"400", "429", "default"} | ({"401", "403"} if operation.get("security") else set())
        lacking += [f"{where}: {status}" for status in wanted - set(answers)]
        for way in operation.get("security", ()):
            for scheme, scopes in way.items():
                known = document["components"]["securitySchemes"][scheme]
                flows = known.get("flows", {}).values()
                assert all(scope in flow["scopes"] for scope in scopes for flow in flows), where
        lacking += [
            f"{where}: {p['name']} undescribed" for p in operation["parameters"] if not p.get("description")
        ]
    assert lacking == []
    assert len(ids) == len(set(ids))


def test_every_example_is_an_instance_of_its_schema(document: dict[str, Any]) -> None:
    wrong: list[str] = []
    count = 0
    for where, content in contents(document):
        if "example" not in content and "examples" not in content:
            wrong.append(f"{where} has no example")
            continue
        found = (
            [content["example"]]
            if "example" in content
            else [e["value"] for e in content["examples"].values()]
        )
        for example in found:
            count += 1
            validator = Draft202012Validator(
                {**content.get("schema", {}), "components": document["components"]}
            )
            wrong += [
                f"{where}: {error.json_path} {error.message[:120]}"
                for error in validator.iter_errors(example)
            ]
    assert wrong == []
    assert count > 200
