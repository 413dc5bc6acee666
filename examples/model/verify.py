#!/usr/bin/python3
"""Reads both IR files back, runs them on the held-out images in plain numpy and checks them.

Needs python3-numpy and python3-pil.  The reader below knows nothing of write_ir.py: it takes
layers, ports, edges and blobs as the files state them.  Checked for each of the two files:
  * ids are topological, every edge joins existing ports of equal dimensions, every input port is
    fed once, every blob lies inside the .bin, every computed shape equals the declared one;
  * the probabilities equal those of the network as trained (heldout_reference.npy), and those of
    the other generation, within 2e-5;
  * the accuracy is printed and lies between 90 and 99 %.
Exit code 0 if all holds; otherwise the failed check is raised.
"""

import pathlib
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 2e-5  # on probabilities: float32 sums in another order, BatchNorm folded or not
BATCH = 50


def check(condition, message):
    """Raises with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def read_ports(layer, side):
    """Ports of one side of a layer as {id: dims}, in id order."""
    ports = layer.find(side)
    if ports is None:
        return {}
    return {int(port.get("id")): tuple(int(dim.text) for dim in port.findall("dim"))
            for port in sorted(ports, key=lambda port: int(port.get("id")))}


def read_model(path):
    """Parses an IR: (list of layers, blob bytes).  Each layer is a dict, in file order."""
    root = ElementTree.parse(path).getroot()
    layers, seen = [], {}
    for element in root.find("layers"):
        data = element.find("data")
        layer = {"id": int(element.get("id")), "name": element.get("name"),
                 "type": element.get("type"), "data": {} if data is None else dict(data.attrib),
                 "inputs": read_ports(element, "input"), "outputs": read_ports(element, "output"),
                 "blobs": {blob.tag: dict(blob.attrib) for blob in element.findall("blobs/*")},
                 "sources": {}}
        check(layer["id"] not in seen, f"id {layer['id']} occurs twice")
        check(layer["name"] not in {other["name"] for other in layers},
              f"name {layer['name']} occurs twice")
        seen[layer["id"]] = layer
        layers.append(layer)
    for edge in root.find("edges"):
        link(seen, *(int(edge.get(key)) for key in ("from-layer", "from-port",
                                                    "to-layer", "to-port")))
    for layer in layers:
        check(set(layer["sources"]) == set(layer["inputs"]), f"{layer['name']}: input not fed")
    return layers, path.with_suffix(".bin").read_bytes()


def link(layers, from_layer, from_port, to_layer, to_port):
    """Records one edge at its consumer after checking both ends."""
    source, target = layers[from_layer], layers[to_layer]
    check(from_layer < to_layer, f"edge {from_layer} -> {to_layer} is not topological")
    check(from_port in source["outputs"], f"{source['name']}: no output port {from_port}")
    check(to_port in target["inputs"], f"{target['name']}: no input port {to_port}")
    check(to_port not in target["sources"], f"{target['name']}: port {to_port} fed twice")
    check(source["outputs"][from_port] == target["inputs"][to_port],
          f"{source['name']} -> {target['name']}: dimensions differ")
    target["sources"][to_port] = source["name"]


def blob(entry, weights, precision):
    """One constant as a flat array, after a check of its range."""
    offset, size = int(entry["offset"]), int(entry["size"])
    check(0 <= offset and 0 < size and offset + size <= len(weights), "blob outside the .bin")
    kind = {"FP32": "<f4", "f32": "<f4", "I32": "<i4", "i64": "<i8"}[precision]
    return np.frombuffer(weights[offset:offset + size], kind)


def numbers(text):
    """A comma-separated list of integers."""
    return [int(item) for item in text.split(",")]


def convolve(x, weights, data, group):
    """Cross-correlation of [N, C, H, W] with weights [O, C/group, KH, KW], zero padding."""
    (sy, sx), (top, left) = numbers(data["strides"]), numbers(data["pads_begin"])
    bottom, right = numbers(data["pads_end"])
    check(numbers(data["dilations"]) == [1, 1], "dilation is not expected here")
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kh, kw = weights.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (2, 3))[:, :, ::sy, ::sx]
    if group == 1:
        return np.einsum("nchwij,ocij->nohw", windows, weights, optimize=True)
    check(group == x.shape[1] == weights.shape[0], "neither dense nor depthwise")
    return np.einsum("nchwij,cij->nchw", windows, weights[:, 0], optimize=True)


def softmax(x):
    """Softmax along axis 1."""
    shifted = np.exp(x - x.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def reshape(x, shape):
    """Reshape with 0 (the batch, which is run larger than the declared 1) and -1."""
    check(list(shape) == [0, -1], "only a flattening is expected")
    return x.reshape(len(x), -1)


def legacy_convolution(layer, x, constant):
    data, group = layer["data"], int(layer["data"]["group"])
    weights = constant("weights").reshape(int(data["output"]), x[0].shape[1] // group,
                                          *numbers(data["kernel"]))
    return convolve(x[0], weights, data, group) + constant("biases").reshape(1, -1, 1, 1)


def legacy_linear(layer, x, constant):
    weights = constant("weights").reshape(int(layer["data"]["out-size"]), -1)
    return x[0] @ weights.T + constant("biases")


def legacy_pooling(layer, x, _):
    data = layer["data"]
    check(data["pool-method"] == "avg" and numbers(data["kernel"]) == list(x[0].shape[2:]),
          "only a global mean is expected")
    return x[0].mean(axis=(2, 3), keepdims=True)


def legacy_sum(layer, x, _):
    check(layer["data"]["operation"] == "sum", "only sums are expected")
    return x[0] + x[1]


def clamp(layer, x, _):
    return np.clip(x[0], float(layer["data"]["min"]), float(layer["data"]["max"]))


def group_convolution(layer, x, _):
    groups, outputs, inputs, kh, kw = x[1].shape
    return convolve(x[0], x[1].reshape(groups * outputs, inputs, kh, kw), layer["data"], groups)


def matrix_product(layer, x, _):
    check(layer["data"]["transpose_a"] == "false" and layer["data"]["transpose_b"] == "true",
          "only x times transposed weights is expected")
    return x[0] @ x[1].T


def reduce_mean(layer, x, _):
    return x[0].mean(axis=tuple(x[1]), keepdims=layer["data"]["keep_dims"] == "true")


# Each entry: (layer, input arrays, constant(name) of the layer's own blobs) -> output array.
LEGACY = {
    "Convolution": legacy_convolution,
    "FullyConnected": legacy_linear,
    "Pooling": legacy_pooling,
    "Eltwise": legacy_sum,
    "Clamp": clamp,
    "ReLU": lambda layer, x, _: np.maximum(x[0], 0),
    "Reshape": lambda layer, x, _: reshape(x[0], x[1]),
    "SoftMax": lambda layer, x, _: softmax(x[0]),
    "Const": lambda layer, x, constant: constant("custom"),
}
OPSET = {
    "Convolution": lambda layer, x, _: convolve(x[0], x[1], layer["data"], 1),
    "GroupConvolution": group_convolution,
    "Add": lambda layer, x, _: x[0] + x[1],
    "Clamp": clamp,
    "ReLU": lambda layer, x, _: np.maximum(x[0], 0),
    "ReduceMean": reduce_mean,
    "Reshape": lambda layer, x, _: reshape(x[0], x[1]),
    "MatMul": matrix_product,
    "SoftMax": lambda layer, x, _: softmax(x[0]),
}


def constants_of(layer, weights):
    """The function that fetches a blob of a legacy layer by name."""
    return lambda name: blob(layer["blobs"][name], weights, layer["blobs"][name]["precision"])


def forward(layers, weights, images):
    """Runs a model on images [N, 3, 32, 32]; returns the value of its last computed layer."""
    legacy = any(layer["type"] == "Input" for layer in layers)
    values, last = {}, None
    for layer in layers:
        name, kind = layer["name"], layer["type"]
        if kind == "Result":
            continue
        inputs = [values[layer["sources"][port]] for port in sorted(layer["sources"])]
        if kind in ("Input", "Parameter"):
            value = images
        elif kind == "Const" and not legacy:
            data = layer["data"]
            value = blob(data, weights, data["element_type"]).reshape(numbers(data["shape"]))
        else:
            value = (LEGACY if legacy else OPSET)[kind](layer, inputs, constants_of(layer, weights))
        declared = next(iter(layer["outputs"].values()))
        actual = value.shape if kind == "Const" else (1,) + value.shape[1:]
        check(actual == declared, f"{name}: computed {actual}, declared {declared}")
        values[name], last = value, value
    return last


def read_heldout():
    """The held-out images as float32 planes B G R, 0..255, and their labels."""
    images, labels = [], []
    for line in (HERE / "heldout.txt").read_text(encoding="utf-8").splitlines():
        name, label = line.split()
        with Image.open(HERE / "heldout" / name) as image:
            check(image.mode == "RGB", f"{name} is not 8-bit RGB")
            images.append(np.asarray(image)[..., ::-1].transpose(2, 0, 1))
        labels.append(int(label))
    return np.stack(images).astype(np.float32), np.array(labels)


def main():
    images, labels = read_heldout()
    reference = np.load(HERE / "heldout_reference.npy")
    results = []
    for stem in ("shapes_v7", "shapes_v11"):
        layers, weights = read_model(HERE / (stem + ".xml"))
        result = np.concatenate([forward(layers, weights, images[first:first + BATCH])
                                 for first in range(0, len(images), BATCH)])
        worst = float(np.abs(result - reference).max())
        right = int((result.argmax(axis=1) == labels).sum())
        print(f"{stem}: top-1 {100 * right / len(labels):.2f} % ({right} of {len(labels)}), "
              f"largest difference to the trained network {worst:.1e}")
        check(worst <= TOLERANCE, f"{stem} differs from the trained network by {worst}")
        check(0.90 <= right / len(labels) <= 0.99, f"{stem}: accuracy out of range")
        results.append(result)
    worst = float(np.abs(results[0] - results[1]).max())
    print(f"largest difference between the two files {worst:.1e}")
    check(worst <= TOLERANCE, f"the two files differ by {worst}")


if __name__ == "__main__":
    main()
