#!/usr/bin/python3
"""Writes the trained example network as IR v7 and IR v11 (plain python3 and numpy).

Reads trained.npz, writes shapes_v7.xml/.bin and shapes_v11.xml/.bin, all constants FP32.
Layers that compute the same thing carry the same name in both files, so the two can be compared
layer by layer.  Input: [1, 3, 32, 32], planes B G R, values 0..255.  Output: probabilities [1, 10].
"""

import argparse
import pathlib
from xml.sax.saxutils import quoteattr

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SIZE = 32
CLASSES = 10

# The network, in topological order: (kind, name, inputs, settings).  Both writers walk this table.
NETWORK = (
    ("input", "data", (), {}),
    ("conv", "conv1", ("data",), {"stride": 1}),
    ("relu", "conv1/relu", ("conv1",), {}),
    ("depthwise", "dw2", ("conv1/relu",), {"stride": 2}),
    ("relu6", "dw2/relu6", ("dw2",), {}),
    ("conv", "pw2", ("dw2/relu6",), {"stride": 1}),
    ("relu6", "pw2/relu6", ("pw2",), {}),
    ("conv", "res3a", ("pw2/relu6",), {"stride": 1}),
    ("relu", "res3a/relu", ("res3a",), {}),
    ("conv", "res3b", ("res3a/relu",), {"stride": 1}),
    ("add", "res3", ("pw2/relu6", "res3b"), {}),
    ("relu", "res3/relu", ("res3",), {}),
    ("depthwise", "dw4", ("res3/relu",), {"stride": 2}),
    ("relu6", "dw4/relu6", ("dw4",), {}),
    ("conv", "pw4", ("dw4/relu6",), {"stride": 1}),
    ("relu6", "pw4/relu6", ("pw4",), {}),
    ("conv", "expand5", ("pw4/relu6",), {"stride": 1}),
    ("relu6", "expand5/relu6", ("expand5",), {}),
    ("depthwise", "dw5", ("expand5/relu6",), {"stride": 1}),
    ("relu6", "dw5/relu6", ("dw5",), {}),
    ("conv", "project5", ("dw5/relu6",), {"stride": 1}),
    ("add", "res5", ("pw4/relu6", "project5"), {}),
    ("global_mean", "pool6", ("res5",), {}),
    ("flatten", "pool6/flat", ("pool6",), {}),
    ("linear", "fc6", ("pool6/flat",), {}),
    ("softmax", "prob", ("fc6",), {}),
)


class Bin:
    """The weights file: blobs one after the other, equal blobs stored once."""

    def __init__(self):
        self.data = bytearray()
        self._known = {}

    def add(self, array):
        """Appends a little-endian array; returns (offset, size) in bytes."""
        blob = array.tobytes()
        if blob not in self._known:
            self._known[blob] = len(self.data)
            self.data += blob
        return self._known[blob], len(blob)


class Xml:
    """Lines of XML with two-space indentation."""

    def __init__(self):
        self.lines = ['<?xml version="1.0"?>']
        self._open = []

    def _tag(self, name, attributes):
        return "".join([name] + [f" {key}={quoteattr(str(value))}" for key, value in attributes])

    def begin(self, name, *attributes):
        self.lines.append("  " * len(self._open) + f"<{self._tag(name, attributes)}>")
        self._open.append(name)

    def end(self):
        name = self._open.pop()
        self.lines.append("  " * len(self._open) + f"</{name}>")

    def leaf(self, name, *attributes, text=None):
        tail = "/>" if text is None else f">{text}</{name}>"
        self.lines.append("  " * len(self._open) + f"<{self._tag(name, attributes)}{tail}")

    def text(self):
        return "\n".join(self.lines) + "\n"


class Graph:
    """Layers with ports and the edges between them, in the order they are added."""

    def __init__(self, name, version, legacy):
        self.legacy = legacy
        self.xml = Xml()
        self.bin = Bin()
        root = [("name", name), ("version", version)] + ([("batch", 1)] if legacy else [])
        self.xml.begin("net", *root)
        self.xml.begin("layers")
        self._count = 0
        self._edges = []
        self._ports = {}  # tensor name -> (layer id, port id, dims, precision)

    def dims(self, name):
        """Dimensions of a tensor by the name of its layer."""
        return self._ports[name][2]

    def layer(self, kind, name, inputs=(), dims=None, *, data=(), version="opset1",
              precision="FP32", blobs=(), output_port=None, tensor=None):
        """Adds one layer.

        dims: output dimensions, None for a layer without output.  blobs: (name, array) pairs of a
        legacy layer.  output_port: id of the output port where it is not the number of inputs.
        tensor: the name that v11 gives to the output as a tensor.
        """
        head = [("id", self._count), ("name", name), ("type", kind)]
        self.xml.begin("layer", *(head if self.legacy else head + [("version", version)]))
        if data:
            self.xml.leaf("data", *data)
        if inputs:
            self._input_ports(inputs)
        if dims is not None:
            port = len(inputs) if output_port is None else output_port
            self._output_port(name, port, dims, precision, tensor)
        if blobs:
            self._blobs(blobs)
        self.xml.end()
        self._count += 1

    def _input_ports(self, inputs):
        self.xml.begin("input")
        for port, source in enumerate(inputs):
            from_layer, from_port, dims, precision = self._ports[source]
            # The legacy generation states the precision on output ports only.
            attributes = [("id", port)] + ([] if self.legacy else [("precision", precision)])
            self._port(attributes, dims)
            self._edges.append((from_layer, from_port, self._count, port))
        self.xml.end()

    def _output_port(self, name, port, dims, precision, tensor):
        self.xml.begin("output")
        attributes = [("id", port), ("precision", precision)]
        self._port(attributes + ([("names", tensor)] if tensor else []), dims)
        self.xml.end()
        self._ports[name] = (self._count, port, tuple(dims), precision)

    def _port(self, attributes, dims):
        self.xml.begin("port", *attributes)
        for dim in dims:
            self.xml.leaf("dim", text=dim)
        self.xml.end()

    def _blobs(self, blobs):
        self.xml.begin("blobs")
        for name, array in blobs:
            offset, size = self.bin.add(array)
            precision = {"float32": "FP32", "int32": "I32"}[array.dtype.name]
            self.xml.leaf(name, ("offset", offset), ("size", size), ("precision", precision))
        self.xml.end()

    def constant(self, name, array):
        """Adds a v11 Const layer that holds an array."""
        offset, size = self.bin.add(array)
        element, precision = {"float32": ("f32", "FP32"), "int64": ("i64", "I64")}[array.dtype.name]
        self.layer("Const", name, (), array.shape, precision=precision, data=(
            ("element_type", element), ("shape", ", ".join(map(str, array.shape))),
            ("offset", offset), ("size", size)))

    def finish(self):
        """Closes the document; returns (xml text, weights bytes)."""
        self.xml.end()
        self.xml.begin("edges")
        for from_layer, from_port, to_layer, to_port in self._edges:
            self.xml.leaf("edge", ("from-layer", from_layer), ("from-port", from_port),
                          ("to-layer", to_layer), ("to-port", to_port))
        self.xml.end()
        self.xml.end()
        return self.xml.text(), bytes(self.bin.data)


def output_dims(dims, weights, stride):
    """Dimensions behind a convolution whose padding is half its kernel."""
    kernel = weights.shape[-1]
    side = (dims[2] + 2 * (kernel // 2) - kernel) // stride + 1
    return (1, weights.shape[0], side, side)


def legacy_convolution(graph, name, source, arrays, stride, group):
    weights, biases = arrays[name + ".weights"], arrays[name + ".biases"]
    kernel, pad = weights.shape[-1], weights.shape[-1] // 2
    # Ports 1 and 2 are those of the weights and biases, which are blobs here.
    graph.layer("Convolution", name, (source,),
                output_dims(graph.dims(source), weights, stride),
                data=(("kernel", f"{kernel},{kernel}"), ("strides", f"{stride},{stride}"),
                      ("dilations", "1,1"), ("pads_begin", f"{pad},{pad}"),
                      ("pads_end", f"{pad},{pad}"), ("group", group),
                      ("output", weights.shape[0])),
                blobs=(("weights", weights), ("biases", biases)), output_port=3)


def write_v7(arrays):
    """The network as IR v7: (xml text, weights bytes)."""
    graph = Graph("shapes", 7, legacy=True)
    for kind, name, inputs, settings in NETWORK:
        dims = graph.dims(inputs[0]) if inputs else None
        if kind == "input":
            graph.layer("Input", name, (), (1, 3, SIZE, SIZE))
        elif kind == "conv":
            legacy_convolution(graph, name, inputs[0], arrays, settings["stride"], 1)
        elif kind == "depthwise":
            legacy_convolution(graph, name, inputs[0], arrays, settings["stride"], dims[1])
        elif kind == "relu":
            graph.layer("ReLU", name, inputs, dims)
        elif kind == "relu6":
            graph.layer("Clamp", name, inputs, dims, data=(("min", 0), ("max", 6)))
        elif kind == "add":
            graph.layer("Eltwise", name, inputs, dims, data=(("operation", "sum"),))
        elif kind == "global_mean":
            graph.layer("Pooling", name, inputs, (1, dims[1], 1, 1),
                        data=(("pool-method", "avg"), ("kernel", f"{dims[2]},{dims[3]}"),
                              ("strides", "1,1"), ("pads_begin", "0,0"), ("pads_end", "0,0"),
                              ("exclude-pad", "true"), ("rounding_type", "floor")))
        elif kind == "flatten":
            graph.layer("Const", name + "/shape", (), (2,), precision="I32", output_port=1,
                        blobs=(("custom", np.array([0, -1], "<i4")),))
            graph.layer("Reshape", name, inputs + (name + "/shape",), (1, dims[1]))
        elif kind == "linear":
            graph.layer("FullyConnected", name, inputs, (1, CLASSES),
                        data=(("out-size", CLASSES),), output_port=3,
                        blobs=(("weights", arrays[name + ".weights"]),
                               ("biases", arrays[name + ".biases"])))
        elif kind == "softmax":
            graph.layer("SoftMax", name, inputs, dims, data=(("axis", 1),))
        else:
            raise ValueError(f"no legacy layer for {kind!r}")
    return graph.finish()


def opset_bias(graph, name, raw, dims, biases, shape):
    """The Add that gives a convolution or matrix product its bias."""
    graph.constant(name + "/biases", biases.reshape(shape))
    graph.layer("Add", name, (raw, name + "/biases"), dims,
                data=(("auto_broadcast", "numpy"),), tensor=name)


def opset_convolution(graph, name, source, arrays, stride, depthwise):
    weights, biases = arrays[name + ".weights"], arrays[name + ".biases"]
    dims = output_dims(graph.dims(source), weights, stride)
    pad = weights.shape[-1] // 2
    # GroupConvolution has the groups as an axis of their own in front.
    graph.constant(name + "/weights", weights[:, None] if depthwise else weights)
    raw = name + "/without_bias"
    graph.layer("GroupConvolution" if depthwise else "Convolution", raw,
                (source, name + "/weights"), dims,
                data=(("strides", f"{stride}, {stride}"), ("dilations", "1, 1"),
                      ("pads_begin", f"{pad}, {pad}"), ("pads_end", f"{pad}, {pad}"),
                      ("auto_pad", "explicit")))
    opset_bias(graph, name, raw, dims, biases, (1, -1, 1, 1))


def write_v11(arrays):
    """The network as IR v11: (xml text, weights bytes)."""
    graph = Graph("shapes", 11, legacy=False)
    for kind, name, inputs, settings in NETWORK:
        dims = graph.dims(inputs[0]) if inputs else None
        if kind == "input":
            graph.layer("Parameter", name, (), (1, 3, SIZE, SIZE), tensor=name,
                        data=(("shape", f"1,3,{SIZE},{SIZE}"), ("element_type", "f32")))
        elif kind in ("conv", "depthwise"):
            opset_convolution(graph, name, inputs[0], arrays, settings["stride"],
                              kind == "depthwise")
        elif kind == "relu":
            graph.layer("ReLU", name, inputs, dims, tensor=name)
        elif kind == "relu6":
            graph.layer("Clamp", name, inputs, dims, data=(("min", 0), ("max", 6)), tensor=name)
        elif kind == "add":
            graph.layer("Add", name, inputs, dims, data=(("auto_broadcast", "numpy"),),
                        tensor=name)
        elif kind == "global_mean":
            graph.constant(name + "/axes", np.array([2, 3], "<i8"))
            graph.layer("ReduceMean", name, inputs + (name + "/axes",), (1, dims[1], 1, 1),
                        data=(("keep_dims", "true"),), tensor=name)
        elif kind == "flatten":
            graph.constant(name + "/shape", np.array([0, -1], "<i8"))
            graph.layer("Reshape", name, inputs + (name + "/shape",), (1, dims[1]),
                        data=(("special_zero", "true"),), tensor=name)
        elif kind == "linear":
            graph.constant(name + "/weights", arrays[name + ".weights"])
            graph.layer("MatMul", name + "/without_bias", inputs + (name + "/weights",),
                        (1, CLASSES), data=(("transpose_a", "false"), ("transpose_b", "true")))
            opset_bias(graph, name, name + "/without_bias", (1, CLASSES),
                       arrays[name + ".biases"], (1, -1))
        elif kind == "softmax":
            graph.layer("SoftMax", name, inputs, dims, data=(("axis", 1),), tensor=name)
            graph.layer("Result", name + "/result", (name,))
        else:
            raise ValueError(f"no operation for {kind!r}")
    return graph.finish()


def main():
    parser = argparse.ArgumentParser(description="Writes the example network as IR v7 and v11.")
    parser.add_argument("-t", "--trained", type=pathlib.Path, default=HERE / "trained.npz")
    parser.add_argument("-o", "--out", type=pathlib.Path, default=HERE)
    options = parser.parse_args()

    with np.load(options.trained) as stored:
        arrays = {name: np.ascontiguousarray(stored[name], "<f4") for name in stored.files}
    for stem, write in (("shapes_v7", write_v7), ("shapes_v11", write_v11)):
        xml, weights = write(arrays)
        (options.out / (stem + ".xml")).write_text(xml, encoding="utf-8")
        (options.out / (stem + ".bin")).write_bytes(weights)
        print(f"{stem}: {len(weights)} bytes of weights")


if __name__ == "__main__":
    main()
