"""Our .proto files against the official package, message by message and field by field."""

from __future__ import annotations

import subprocess
import sys

import pytest
from google.protobuf import descriptor_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from conftest import ROOT

OFFICIAL = [common_pb2, resource_pb2, trace_pb2, trace_service_pb2]
# Ours follow OTLP 1.11; the published Python package is of an earlier release.
NEWER = {"AnyValue.string_value_strindex", "KeyValue.key_strindex"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    out = tmp_path_factory.mktemp("proto") / "set.pb"
    files = [str(p.relative_to(ROOT / "proto")) for p in (ROOT / "proto").rglob("*.proto")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}",
                    f"--descriptor_set_out={out}", *files], check=True)
    parsed = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    return {f.name: f for f in parsed.file}


def messages(file, prefix: str = "") -> dict:
    found = {}
    for m in getattr(file, "message_type", None) or getattr(file, "nested_type", []):
        found[prefix + m.name] = m
        found.update(messages(m, prefix + m.name + "."))
    return found


def shape(message) -> dict:
    oneofs = [o.name for o in message.oneof_decl]
    return {f.name: (f.number, f.type, f.label, f.type_name,
                     oneofs[f.oneof_index] if f.HasField("oneof_index") else None)
            for f in message.field}


def enums(file, prefix: str = "") -> dict:
    found = {e.name: {v.name: v.number for v in e.value} for e in file.enum_type}
    for m in getattr(file, "message_type", None) or getattr(file, "nested_type", []):
        found.update(enums(m))
    return found


@pytest.mark.parametrize("module", OFFICIAL, ids=lambda m: m.DESCRIPTOR.name)
def test_fields_are_the_official_ones(ours, module):
    theirs = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(theirs)
    mine, official = messages(ours[theirs.name]), messages(theirs)
    assert set(mine) == set(official)
    for name, message in official.items():
        extra = {f for f in set(shape(mine[name])) - set(shape(message))}
        assert {f"{name}.{f}" for f in extra} <= NEWER
        assert {k: v for k, v in shape(mine[name]).items() if k not in extra} == shape(message)


@pytest.mark.parametrize("module", [trace_pb2], ids=["trace"])
def test_enums_are_the_official_ones(ours, module):
    theirs = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(theirs)
    mine = enums(ours[theirs.name])
    for name, values in mine.items():
        assert enums(theirs)[name] == values


def test_the_service_is_the_official_one(ours):
    file = ours["opentelemetry/proto/collector/trace/v1/trace_service.proto"]
    (service,) = file.service
    assert (file.package, service.name, service.method[0].name) == (
        "opentelemetry.proto.collector.trace.v1", "TraceService", "Export")
