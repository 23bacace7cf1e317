#!/usr/bin/env python3
"""Writes refused.json: changes to the documents beside it, each of which must be refused.

By the typed code with the error given here (tests/unit/manifest), and by the schema unless the entry says why not
(tests/structure/check_schemas.py). The documents themselves (manifest.json, layout.json, evidence.json) are what
`ONNXPACK_REWRITE=1 unit_manifest` writes from tests/unit/manifest/samples.cc. usage: make.py
"""

import json
import pathlib

BETWEEN = "accepts: between fields"
ORDER = "accepts: order and uniqueness of names"
SAFE = "accepts: names are checked by code (device names, case, UTF-8)"
V = ["variants", 0]
C = ["components", 0]

changes = []


def change(document, path, error, schema="refuses", **how):
    """set=VALUE replaces or adds, append=VALUE adds to a list, neither removes what stands at the path."""
    changes.append({"document": document, "path": path, **how, "error": error, "schema": schema})


def manifest(*args, **how):
    change("manifest.json", *args, **how)


def layout(*args, **how):
    change("layout.json", *args, **how)


def evidence(*args, **how):
    change("evidence.json", *args, **how)


manifest(['package'], 'required field "package" is missing')
manifest(['format'], 'format: expected "onnx-pack/manifest", found "zip"', set='zip')
manifest(['schema_version'], 'schema_version: expected major.minor, found "one"', set='one')
manifest(['schema_version'], 'schema_version: expected major.minor, found "1"', set='1')
manifest(['schema_version'], 'schema_version: expected major.minor, found "1.00"', set='1.00')
manifest(['schema_version'], 'schema_version: expected a string, found 1.0', set=1.0)
manifest(
    ['schema_version'],
    'schema_version: this program reads version 1.x of onnx-pack/manifest, found 2.0',
    set='2.0',
)
manifest(['variant'], 'unknown field "variant"; did you mean "variants"?', set=[])
manifest(['package', 'name'], 'package.name: expected a string, found 3', set=3)
manifest(['package', 'licence'], 'package: unknown field "licence"; did you mean "licenses"?', set='MIT')
manifest(C + ['component_name'], 'components[0]: required field "component_name" is missing')
manifest(C + ['component_name'], 'components[0].component_name: expected text, found an empty string', set='')
manifest(
    C + ['component_name'],
    'components[0].component_name: expected a name without \'/\', found "a/b"',
    set='a/b',
)
manifest(
    C + ['component_name'],
    'components[0].model: expected a member below components/other/, found "components/model/model.onnx"',
    BETWEEN,
    set='other',
)
manifest(
    C + ['model'],
    'components[0].model: there is no member "components/model/other.onnx"',
    BETWEEN,
    set='components/model/other.onnx',
)
manifest(
    C + ['original', 'sha256'],
    'components[0].original.sha256: expected a SHA-256 as 64 lower-case hexadecimal digits, found "abc"',
    set='abc',
)
manifest(
    C + ['original', 'size'],
    'components[0].original.size: expected an integer of at least 0, found -1',
    set=-1,
)
manifest(
    C + ['original', 'file_name'],
    "components[0].original.file_name: unsafe name '../detector.onnx': it has a '..' component",
    set='../detector.onnx',
)
manifest(
    C + ['external_data', 0, 'member'],
    'components[0].external_data[0].member: expected a member below components/model/, found "attachments/labels.txt"',
    set='attachments/labels.txt',
)
manifest(
    C + ['external_data', 0, 'location'],
    "components[0].external_data[0].location: unsafe name '../../etc/passwd': it has a '..' component",
    set='../../etc/passwd',
)
manifest(
    C + ['external_data', 0, 'location'],
    "components[0].external_data[0].location: unsafe name '/weights.bin': it is absolute",
    set='/weights.bin',
)
manifest(C + ['opset_imports', ''], 'components[0].opset_imports.: expected an integer, found "12"', set='12')
manifest(
    C + ['inputs', 0, 'shape', 0],
    'components[0].inputs[0].shape[0]: expected an integer of at least 0, found -1',
    set=-1,
)
manifest(
    C + ['inputs', 0, 'shape', 0],
    'components[0].inputs[0].shape[0]: expected an integer, found true',
    set=True,
)
manifest(C + ['inputs', 0, 'type'], 'components[0].inputs[0]: required field "type" is missing')
manifest(C + ['scopes', 1, 'name'], 'components[0].scopes[1].name: "model" appears twice', ORDER, set='model')
manifest(
    C + ['scopes', 1, 'node_outputs'],
    'components[0].scopes[1].node_outputs: expected 2 names, one per node, found 1',
    BETWEEN,
    set=['y'],
)
manifest(
    C + ['scopes', 0, 'node_count'],
    'components[0].scopes[0].node_count: expected an integer, found 1.5',
    set=1.5,
)
manifest(
    ['attachments', 0, 'member'],
    'attachments[0].member: expected a member below attachments/, found "components/model/weights.bin"',
    set='components/model/weights.bin',
)
manifest(
    ['attachments', 0, 'member'],
    'attachments[0].member: there is no member "attachments/other"',
    BETWEEN,
    set='attachments/other',
)
manifest(['attachments', 0, 'note'], 'attachments[0]: unknown field "note"; known are member', set='x')
manifest(
    ['variants', 1, 'name'],
    'variants[1].name: "qualcomm-sm8650-onnxruntime" appears twice, or differs from another only by case',
    ORDER,
    set='qualcomm-sm8650-onnxruntime',
)
manifest(
    ['variants', 1, 'name'],
    'variants[1].name: "aarch64" must stand before "qualcomm-sm8650-onnxruntime": they are in order of their bytes',
    ORDER,
    set='aarch64',
)
manifest(
    ['variants', 1, 'name'],
    'variants[1].name: "Qualcomm-SM8650-onnxruntime" appears twice, or differs from another only by case',
    SAFE,
    set='Qualcomm-SM8650-onnxruntime',
)
manifest(V + ['name'], "variants[0].name: unsafe name '..': it has a '..' component", set='..')
manifest(
    V + ['component_name'],
    'variants[0].component_name: there is no component "modle"',
    BETWEEN,
    set='modle',
)
manifest(V + ['ep'], 'variants[0]: required field "ep" is missing')
manifest(V + ['device'], 'variants[0].device: expected one of cpu, gpu, npu, found "tpu"', set='tpu')
manifest(
    V + ['requirements', 0],
    'variants[0].requirements[0]: expected one of any_of, all_of, version, at_least, at_most beside "feature"',
    set={'feature': 'os.name'},
)
manifest(
    V + ['requirements', 0],
    'variants[0].requirements[0]: unknown field "near"; known are feature, any_of, all_of, version, at_least, at_most',
    set={'feature': 'os.name', 'near': ['x']},
)
manifest(
    V + ['requirements', 0, 'at_least'],
    'variants[0].requirements[0].at_least: expected decimal numbers, found "many"',
    set=['many'],
)
manifest(
    V + ['compatibility_hash'],
    'variants[0].compatibility_hash: a hash without a compatibility_string, or the other way round',
)
manifest(
    V + ['compatibility_hash'],
    'variants[0].compatibility_hash: expected a SHA-256 as 64 lower-case hexadecimal digits, found "' + 'A' * 64 + '"',
    set='A' * 64,
)
manifest(
    V + ['fixed_shapes', 'z'],
    'variants[0].fixed_shapes: component "model" has no input "z"',
    BETWEEN,
    set=[1],
)
manifest(
    V + ['fixed_shapes', 'x', 0],
    'variants[0].fixed_shapes.x[0]: expected an integer, found "1"',
    set='1',
)
manifest(
    V + ['coverage', 'covered_nodes'],
    'variants[0].coverage: 673 covered of 672 nodes',
    BETWEEN,
    set=673,
)
manifest(V + ['coverage'], 'variants[0]: required field "coverage" is missing')
manifest(V + ['partitions'], 'variants[0].partitions: a variant without a partition is none', set=[])
manifest(
    V + ['partitions', 0, 'scope'],
    'variants[0].partitions[0].scope: component "model" has no scope "tail"',
    BETWEEN,
    set='tail',
)
manifest(
    V + ['partitions', 0, 'blobs'],
    'variants[0].partitions[0].blobs: a partition without a blob is none',
    set=[],
)
manifest(
    V + ['partitions', 0, 'blobs', 1, 'member'],
    'variants[0].partitions[0].blobs[1].member: there is no member "variants/qualcomm-sm8650-onnxruntime/x"',
    BETWEEN,
    set='variants/qualcomm-sm8650-onnxruntime/x',
)
manifest(
    V + ['partitions', 0, 'blobs', 1, 'member'],
    'variants[0].partitions[0].blobs[1].member: expected a member below variants/qualcomm-sm8650-onnxruntime/, found "variants/x86-64-v3-onnxruntime/model.onnx"',
    BETWEEN,
    set='variants/x86-64-v3-onnxruntime/model.onnx',
)
manifest(
    V + ['partitions', 0, 'blobs', 1, 'role'],
    'variants[0].partitions[0].blobs[1]: required field "role" is missing',
)
manifest(
    ['variants', 1, 'references', 0],
    'variants[1].references[0]: there is no member "components/model/gone.bin"',
    BETWEEN,
    set='components/model/gone.bin',
)
manifest(
    V + ['provenance', 'tools', 'qnn'],
    'variants[0].provenance.tools.qnn: expected a string, found 2.48',
    set=2.48,
)
manifest(
    V + ['provenance', 'deterministic'],
    'variants[0].provenance.deterministic: expected true or false, found "no"',
    set='no',
)
manifest(
    ['members', 1, 'name'],
    "members[1].name: unsafe name 'components/../weights.bin': it has a '..' component",
    set='components/../weights.bin',
)
manifest(
    ['members', 1, 'name'],
    "members[1].name: unsafe name '/components/model/weights.bin': it is absolute",
    set='/components/model/weights.bin',
)
manifest(
    ['members', 1, 'name'],
    "members[1].name: unsafe name 'components\\model\\weights.bin': it has a backslash",
    set='components\\model\\weights.bin',
)
manifest(
    ['members', 1, 'name'],
    'members[1].name: expected a member below one of attachments, components, digests, evidence, signatures, variants, found "manifest.json"',
    set='manifest.json',
)
manifest(
    ['members', 1, 'name'],
    "members[1].name: unsafe name 'components/model/CON': it has a component that Windows reserves for a device",
    SAFE,
    set='components/model/CON',
)
manifest(
    ['members', 1, 'name'],
    'members[1].name: "components/model/model.onnx" appears twice, or differs from another only by case',
    ORDER,
    set='components/model/model.onnx',
)
manifest(
    ['members', 1, 'name'],
    'members[1].name: "components/model/MODEL.onnx" appears twice, or differs from another only by case',
    SAFE,
    set='components/model/MODEL.onnx',
)
manifest(
    ['members'],
    'members: "attachments/labels.txt/x" needs a folder where another member is a file',
    BETWEEN,
    append={'name': 'attachments/labels.txt/x', 'size': 1, 'sha256': '0' * 64},
)
manifest(['members', 0, 'sha256'], 'members[0]: required field "sha256" is missing')
manifest(['members', 0, 'size'], 'members[0].size: expected an integer, found "4 MB"', set='4 MB')
manifest(
    ['members', 0, 'chunk_digests'],
    'members[0].chunk_digests: there is no member "digests/other"',
    BETWEEN,
    set='digests/other',
)
manifest(
    ['members', 0, 'chunk_digests'],
    'members[0].chunk_digests: expected a member below digests/, found "components/model/weights.bin"',
    set='components/model/weights.bin',
)
layout(['members', 0, 'storage'], 'members[0].storage: expected stored, extents or absent, found "maybe"', set='maybe')
layout(['members', 0, 'storage'], 'members[0]: required field "storage" is missing')
layout(
    ['members', 0, 'sources'],
    'members[0]: only a member that is held as extents has sources',
    'accepts: between fields',
    set=['components/model/weights.bin'],
)
layout(['members', 5, 'sources', 0], 'members[5].sources[0]: expected a string, found 1', set=1)
layout(['members', 0, 'name'], "members[0].name: unsafe name '../up': it has a '..' component", set='../up')
layout(
    ['members', 1, 'name'],
    'members[1].name: "components/model/model.onnx" appears twice, or differs from another only by case',
    ORDER,
    set='components/model/model.onnx',
)
layout(
    ['members', 7, 'sha256'],
    'members[7].sha256: expected a SHA-256 as 64 lower-case hexadecimal digits, found "x"',
    set='x',
)
layout(
    ['format'],
    'format: expected "onnx-pack/layout", found "onnx-pack/manifest"',
    set='onnx-pack/manifest',
)
evidence(['device'], 'required field "device" is missing')
evidence(
    ['device', 'facts', 'x86_64.level'],
    'device: facts.x86_64.level[0]: expected one of v1, v2, v3, v4, found "v9"',
    'accepts: the vocabulary is in the code',
    set=['v9'],
)
evidence(
    ['entries', 0, 'component_sha256'],
    'entries[0].component_sha256: expected a SHA-256 as 64 lower-case hexadecimal digits, found "x"',
    set='x',
)
evidence(
    ['entries', 0, 'latency', 'median_ms'],
    'entries[0].latency.median_ms: expected milliseconds, found -1',
    set=-1,
)
evidence(['entries', 0, 'latency', 'runs'], 'entries[0].latency: required field "runs" is missing')
evidence(
    ['entries', 1, 'equivalence'],
    'entries[1].equivalence: expected one of passed, failed, weak-input, not-run, found "fine"',
    set='fine',
)
evidence(['entries', 1, 'blobs', 0], 'entries[1].blobs[0]: expected a SHA-256, found "short"', set='short')
evidence(
    ['entries', 1, 'latencies'],
    'entries[1]: unknown field "latencies"; did you mean "latency"?',
    set={},
)

file = pathlib.Path(__file__).with_name("refused.json")
file.write_text(json.dumps({"changes": changes}, indent=1, ensure_ascii=False) + "\n")
