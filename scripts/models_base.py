#!/usr/bin/env python3
"""Makes the speech model base-en and puts it in DIR. See crates/speech/base-en.lock.

    models_base.py --lock FILE DIR [WHEEL]

The weights come in a package as stored for small machines: every call would expand them anew. So
they are converted once, with pinned tools in a folder of their own that is removed afterwards.
Everything fetched is checked by SHA-256 before it is used, everything made before it is placed,
each file by a rename. A second run only verifies. With WHEEL, a copy of the package with the
weights fetched by other means, only the tools are downloaded.
"""

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import zipfile

SAY = "models: "


def say(text):
    print(SAY + text, file=sys.stderr, flush=True)


def stop(*lines):
    for index, line in enumerate(lines):
        print((SAY if index == 0 else " " * len(SAY)) + line, file=sys.stderr)
    sys.exit(1)


class Lock:
    """The list of what is fetched and what must come out."""

    def __init__(self, path):
        self.package, self.wheel, self.sources, self.files, self.tools = None, None, [], [], []
        with open(path, encoding="utf-8") as handle:
            for line in handle:
                part = line.split()
                if not part or part[0].startswith("#"):
                    continue
                if part[0] == "package":
                    self.package = part[1] + "==" + part[2]
                elif part[0] == "wheel":
                    self.wheel = {"platform": part[1], "sha": part[3], "name": part[4]}
                    self.wheel["bytes"] = int(part[2])
                elif part[0] == "source":
                    self.sources.append((part[1], part[2]))
                elif part[0] == "file":
                    self.files.append((part[1], int(part[2]), part[3]))
                elif part[0] == "tool":
                    hashes = " ".join("--hash=sha256:" + sha for sha in part[2:])
                    self.tools.append(part[1] + " " + hashes)


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def is_placed(folder, entry):
    name, size, sha = entry
    path = os.path.join(folder, name)
    return os.path.isfile(path) and os.path.getsize(path) == size and digest(path) == sha


def place(made, folder):
    """Copies a checked file to its place: it is there whole or not at all."""
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, os.path.basename(made))
    handle, partial = tempfile.mkstemp(prefix=".partial-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as out, open(made, "rb") as source:
            for block in iter(lambda: source.read(1 << 20), b""):
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    except BaseException:
        os.unlink(partial)
        raise


def run(command, what, *advice):
    try:
        code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        code = str(error)
    if code != 0:
        stop("%s (%s)" % (what, code), *advice)


INDEX = "check the network, or point pip at an index you can reach (PIP_INDEX_URL), and run this again"


def fetch(lock, temporary):
    """The package with the weights; pip refuses one with another hash."""
    wanted = os.path.join(temporary, "weights.txt")
    with open(wanted, "w", encoding="utf-8") as out:
        out.write("%s --hash=sha256:%s\n" % (lock.package, lock.wheel["sha"]))
    say("downloading %s (%d MB)" % (lock.package, lock.wheel["bytes"] // 1000000))
    run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        + ["--python-version", "3.11", "--platform", lock.wheel["platform"], "--require-hashes"]
        + ["--disable-pip-version-check", "--no-input", "--timeout", "60", "--retries", "3"]
        + ["--quiet", "--dest", temporary, "-r", wanted],
        "the download of the weights failed",
        INDEX,
        "or fetch %s by other means and name it after the folder" % lock.wheel["name"],
    )
    return os.path.join(temporary, lock.wheel["name"])


def tools(lock, temporary):
    """A Python with the converter's tools; returns its path."""
    home = os.path.join(temporary, "tools")
    run(
        [sys.executable, "-m", "venv", home],
        "Python's venv is needed for the conversion",
        "install it (Debian: apt-get install python3-venv), then run this again",
    )
    python = os.path.join(home, "bin", "python")
    wanted = os.path.join(temporary, "tools.txt")
    with open(wanted, "w", encoding="utf-8") as out:
        out.write("\n".join(lock.tools) + "\n")
    say("downloading the tools of the conversion (70 MB), removed afterwards")
    run(
        [python, "-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        + ["--disable-pip-version-check", "--no-input", "--timeout", "60", "--retries", "3"]
        + ["--quiet", "-r", wanted],
        "the tools of the conversion could not be installed",
        INDEX,
        "the tools are pinned for Python 3.11 to 3.13; this is %s" % platform.python_version(),
    )
    return python


def unpack(lock, wheel, temporary):
    if os.path.getsize(wheel) != lock.wheel["bytes"] or digest(wheel) != lock.wheel["sha"]:
        stop(
            "%s is not the package that was pinned; nothing was installed" % os.path.basename(wheel),
            "expected: sha256 " + lock.wheel["sha"],
            "found:    sha256 " + digest(wheel),
        )
    with zipfile.ZipFile(wheel) as archive:
        for name, member in lock.sources:
            with open(os.path.join(temporary, name), "wb") as out:
                out.write(archive.read(member))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--lock", required=True)
    parser.add_argument("--convert", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("dir", nargs="?")
    parser.add_argument("wheel", nargs="?")
    given = parser.parse_args()
    lock = Lock(given.lock)
    if given.convert:
        convert_all(given.convert)
        return
    if not given.dir:
        stop("usage: models_base.py --lock FILE DIR [WHEEL]")
    if all(is_placed(given.dir, entry) for entry in lock.files):
        say("all files of base-en in %s are in place and checked" % given.dir)
        return
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        stop("base-en is pinned for Linux on x86_64 only, and this is another machine")
    if sys.version_info < (3, 11):
        stop("Python 3.11 or later is needed for the conversion; this is " + platform.python_version())
    if given.wheel and not os.path.isfile(given.wheel):
        stop("there is no file " + given.wheel)
    with tempfile.TemporaryDirectory(prefix="models-base.") as temporary:
        unpack(lock, given.wheel or fetch(lock, temporary), temporary)
        python = tools(lock, temporary)
        say("converting: half a minute, 1 GB of memory")
        script = os.path.abspath(__file__)
        run([python, script, "--lock", given.lock, "--convert", temporary], "the conversion failed")
        for entry in lock.files:
            if not is_placed(temporary, entry):
                stop(
                    "%s came out different from what was pinned; nothing was placed" % entry[0],
                    "expected: sha256 " + entry[2],
                    "found:    sha256 " + digest(os.path.join(temporary, entry[0])),
                )
        try:
            for name, size, _ in lock.files:
                place(os.path.join(temporary, name), given.dir)
                print("  %-28s %6.1f MB  checked" % (name, size / 1e6), file=sys.stderr)
        except OSError as error:
            stop("cannot write to %s: %s" % (given.dir, error), "free some space or choose another folder")
    say("done")


# --- The conversion. From here on with the tools. -------------------------------------------------


def convert_all(folder):
    for name in ("encoder_model", "decoder_model_merged"):
        convert(os.path.join(folder, name + ".ort"), os.path.join(folder, name + ".onnx"), folder)


def convert(source, target, folder):
    """Stored form, then folded, then quantized, then with the weights of both branches shared."""
    import logging

    import onnx
    import onnxruntime as ort
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)
    plain = os.path.join(folder, "plain.onnx")
    folded = os.path.join(folder, "folded.onnx")
    small = os.path.join(folder, "small.onnx")
    onnx.save(read_ort(source), plain)
    options = ort.SessionOptions()
    # This level folds constants and keeps to standard operators.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = folded
    options.log_severity_level = 3
    ort.InferenceSession(plain, options, providers=["CPUExecutionProvider"])
    quantize_dynamic(
        folded,
        small,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul"],
        extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
    )
    model = onnx.load(small)
    share_weights(model.graph)
    onnx.save(model, target)


def read_ort(path):
    """A model in ONNX Runtime's own format as an ONNX model."""
    import onnx
    import onnxruntime
    from onnx import helper

    tools_folder = os.path.join(os.path.dirname(onnxruntime.__file__), "tools", "ort_format_model")
    sys.path.insert(0, tools_folder)
    from ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

    with open(path, "rb") as handle:
        stored = InferenceSession.GetRootAs(bytearray(handle.read()), 0).Model()
    graph = read_graph(stored.Graph(), os.path.basename(path))
    domains = {}
    for index in range(stored.OpsetImportLength()):
        entry = stored.OpsetImport(index)
        domains[(entry.Domain() or b"").decode()] = entry.Version()
    opsets = [helper.make_opsetid(d, v) for d, v in sorted(domains.items()) if d in ("", "com.microsoft")]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = min(stored.IrVersion(), 10)
    return model


def read_graph(stored, name):
    import onnx

    graph = onnx.GraphProto(name=name)
    for index in range(stored.InitializersLength()):
        graph.initializer.append(read_tensor(stored.Initializers(index)))
    types = {}
    for index in range(stored.NodeArgsLength()):
        value = stored.NodeArgs(index)
        types[value.Name().decode()] = value
    for index in range(stored.InputsLength()):
        graph.input.append(read_value(types, stored.Inputs(index).decode()))
    for index in range(stored.OutputsLength()):
        graph.output.append(read_value(types, stored.Outputs(index).decode()))
    nodes = []
    for index in range(stored.NodesLength()):
        node = stored.Nodes(index)
        if node is not None and node.OpType() is not None:
            nodes.append((node.Index(), read_node(node)))
    graph.node.extend(ordered([node for _, node in sorted(nodes, key=lambda pair: pair[0])]))
    return graph


def read_tensor(stored):
    import onnx

    tensor = onnx.TensorProto(name=(stored.Name() or b"").decode(), data_type=stored.DataType())
    tensor.dims.extend(stored.Dims(index) for index in range(stored.DimsLength()))
    if stored.StringDataLength():
        tensor.string_data.extend(stored.StringData(i) for i in range(stored.StringDataLength()))
    else:
        tensor.raw_data = b"" if stored.RawDataIsNone() else stored.RawDataAsNumpy().tobytes()
    return tensor


def read_value(types, name):
    import onnx
    from ort_flatbuffers_py.fbs.TensorTypeAndShape import TensorTypeAndShape

    value = onnx.ValueInfoProto(name=name)
    info = types[name].Type() if name in types else None
    if info is None or info.ValueType() != 1:
        return value
    stored = TensorTypeAndShape()
    stored.Init(info.Value().Bytes, info.Value().Pos)
    value.type.tensor_type.elem_type = stored.ElemType()
    shape = stored.Shape()
    if shape is not None:
        value.type.tensor_type.shape.SetInParent()
        for index in range(shape.DimLength()):
            dim, size = value.type.tensor_type.shape.dim.add(), shape.Dim(index).Value()
            if size is not None and size.DimType() == 1:
                dim.dim_value = size.DimValue()
            elif size is not None and size.DimType() == 2:
                dim.dim_param = size.DimParam().decode()
    return value


def read_node(stored):
    import onnx

    node = onnx.NodeProto(
        name=(stored.Name() or b"").decode(),
        op_type=stored.OpType().decode(),
        domain=(stored.Domain() or b"").decode(),
    )
    node.input.extend(stored.Inputs(index).decode() for index in range(stored.InputsLength()))
    node.output.extend(stored.Outputs(index).decode() for index in range(stored.OutputsLength()))
    for index in range(stored.AttributesLength()):
        node.attribute.append(read_attribute(stored.Attributes(index)))
    return node


def read_attribute(stored):
    import onnx

    kind = stored.Type()
    attribute = onnx.AttributeProto(name=stored.Name().decode(), type=kind)
    if kind == onnx.AttributeProto.FLOAT:
        attribute.f = stored.F()
    elif kind == onnx.AttributeProto.INT:
        attribute.i = stored.I()
    elif kind == onnx.AttributeProto.STRING:
        attribute.s = stored.S() or b""
    elif kind == onnx.AttributeProto.TENSOR:
        attribute.t.CopyFrom(read_tensor(stored.T()))
    elif kind == onnx.AttributeProto.GRAPH:
        attribute.g.CopyFrom(read_graph(stored.G(), attribute.name))
    elif kind == onnx.AttributeProto.FLOATS:
        attribute.floats.extend(stored.Floats(index) for index in range(stored.FloatsLength()))
    elif kind == onnx.AttributeProto.INTS:
        attribute.ints.extend(stored.Ints(index) for index in range(stored.IntsLength()))
    elif kind == onnx.AttributeProto.STRINGS:
        attribute.strings.extend(stored.Strings(index) for index in range(stored.StringsLength()))
    else:
        stop("the model has an attribute of an unknown kind (%d)" % kind)
    return attribute


def captured(node):
    """Names a node needs: its inputs, and what its sub-graphs take from outside."""
    needed = set(filter(None, node.input))
    for attribute in node.attribute:
        if attribute.HasField("g"):
            graph = attribute.g
            inside = {v.name for v in graph.input} | {t.name for t in graph.initializer}
            for inner in graph.node:
                inside.update(inner.output)
            for inner in graph.node:
                needed |= captured(inner) - inside
            needed |= {v.name for v in graph.output} - inside
    return needed


def ordered(nodes):
    """Each node after those it needs; otherwise as they came."""
    made_by = {output: index for index, node in enumerate(nodes) for output in node.output if output}
    needs = [
        {made_by[name] for name in captured(node) if name in made_by and made_by[name] != index}
        for index, node in enumerate(nodes)
    ]
    done, result = set(), []
    while len(result) < len(nodes):
        ready = [i for i in range(len(nodes)) if i not in done and needs[i] <= done]
        if not ready:
            stop("the model's nodes need each other in a circle")
        for index in ready:
            done.add(index)
            result.append(nodes[index])
    return result


def share_weights(graph):
    """Moves large weights out of the branches of `If` into the main graph, equal ones once."""
    known = {}
    for tensor in graph.initializer:
        known.setdefault(content(tensor), tensor.name)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                share_branch(graph, attribute.g, known)


def content(tensor):
    copy = type(tensor)()
    copy.CopyFrom(tensor)
    copy.ClearField("name")
    return copy.SerializeToString(deterministic=True)


def share_branch(graph, branch, known):
    renamed, kept = {}, []
    for tensor in branch.initializer:
        if len(tensor.raw_data) < 256:
            kept.append(tensor)
            continue
        key = content(tensor)
        if key not in known:
            moved = graph.initializer.add()
            moved.CopyFrom(tensor)
            moved.name = "shared_%d" % len(known)
            known[key] = moved.name
        renamed[tensor.name] = known[key]
    kept = [copied(tensor) for tensor in kept]
    del branch.initializer[:]
    branch.initializer.extend(kept)
    for node in branch.node:
        for index, name in enumerate(node.input):
            if name in renamed:
                node.input[index] = renamed[name]


def copied(tensor):
    other = type(tensor)()
    other.CopyFrom(tensor)
    return other


if __name__ == "__main__":
    main()
