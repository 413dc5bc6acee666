#!/usr/bin/python3
"""Trains the example classifier on freshly drawn images (Debian packages: python3-torch).

The network takes B G R planes with values 0..255.  The division by 255 of the training is folded
into the first convolution at export; no mean is subtracted (BatchNorm does that after the first
convolution), so the zero padding means the same before and after folding.

Writes trained.npz (weights and biases with BatchNorm folded in, read by write_ir.py) and
heldout_reference.npy (float32 [300, 10]: the probabilities of the network as trained, BatchNorm
not folded, for the committed held-out set; read by verify.py).

One thread and fixed seeds: two runs on one machine give the same weights.  Another processor or
another PyTorch may round sums differently and end in slightly different ones.
"""

import argparse
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import draw_images

SEED = 4711
TRAIN_SEED, TRAIN_COUNT = 10100, 20000
CHECK_SEED, CHECK_COUNT = 60600, 2000  # a further set, to watch the training; never trained on
EPOCHS = 28
BATCH = 64
PEAK_RATE = 0.006
WEIGHT_DECAY = 0.02

HERE = pathlib.Path(__file__).resolve().parent


class ConvNorm(nn.Module):
    """Convolution without bias followed by BatchNorm; the two are one convolution after export."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups,
                              bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.conv(x))

    def constant_channels(self):
        """Mask of the output channels that hardly vary: variance far below the norm's epsilon.

        Such a channel is fed by one that ReLU has silenced.  Its factor would be about
        1/sqrt(epsilon), over a hundred times that of the others, and multiply nothing but zeros.
        """
        return self.norm.running_var < self.norm.eps / 100

    def folded(self):
        """Weights [O, I/groups, K, K] and biases [O] of the equal single convolution, float64.

        Constant channels get zero weights and the norm's own bias, which is what they put out.
        """
        norm = self.norm
        factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        factor[self.constant_channels()] = 0
        weights = self.conv.weight.double() * factor[:, None, None, None]
        biases = norm.bias.double() - norm.running_mean.double() * factor
        return weights.detach().numpy(), biases.detach().numpy()


class ShapesNet(nn.Module):
    """A stem, two depthwise-separable blocks, a residual and an inverted residual block."""

    def __init__(self):
        super().__init__()
        self.conv1 = ConvNorm(3, 16, 3)
        self.dw2 = ConvNorm(16, 16, 3, stride=2, groups=16)
        self.pw2 = ConvNorm(16, 32, 1)
        self.res3a = ConvNorm(32, 32, 3)
        self.res3b = ConvNorm(32, 32, 3)
        self.dw4 = ConvNorm(32, 32, 3, stride=2, groups=32)
        self.pw4 = ConvNorm(32, 64, 1)
        self.expand5 = ConvNorm(64, 128, 1)
        self.dw5 = ConvNorm(128, 128, 3, groups=128)
        self.project5 = ConvNorm(128, 64, 1)
        self.fc6 = nn.Linear(64, len(draw_images.CLASSES))

    def forward(self, x):
        """Logits [N, 10] for images [N, 3, 32, 32], planes B G R, values 0..1."""
        x = functional.relu(self.conv1(x))
        x = functional.relu6(self.dw2(x))
        x = functional.relu6(self.pw2(x))
        x = functional.relu(x + self.res3b(functional.relu(self.res3a(x))))
        x = functional.relu6(self.dw4(x))
        x = functional.relu6(self.pw4(x))
        x = x + self.project5(functional.relu6(self.dw5(functional.relu6(self.expand5(x)))))
        return self.fc6(x.mean(dim=(2, 3)))


def to_tensor(images):
    """uint8 R G B images [N, H, W, 3] as float32 planes B G R [N, 3, H, W], values 0..1."""
    planes = np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2))
    return torch.from_numpy(planes).float() / 255


def augment(batch, generator):
    """Mirrors and quarter turns, the same for the whole batch; no class changes under them."""
    choice = int(torch.randint(8, (1,), generator=generator))
    if choice & 1:
        batch = batch.flip(3)
    return torch.rot90(batch, choice >> 1, (2, 3)).contiguous()


def probabilities(network, inputs):
    """Softmax of the network in evaluation mode, float32 [N, 10]."""
    network.eval()
    with torch.no_grad():
        parts = [functional.softmax(network(part), dim=1) for part in inputs.split(250)]
    return torch.cat(parts).numpy()


def accuracy(network, inputs, labels):
    """Share of right answers in per cent."""
    return 100.0 * float((probabilities(network, inputs).argmax(axis=1) == labels).mean())


def train(network, inputs, labels, watch):
    """AdamW, the rate rising for a fifth of the steps and then falling to zero."""
    steps = EPOCHS * (len(inputs) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps,
                                                   pct_start=0.2)
    generator = torch.Generator().manual_seed(SEED)
    for epoch in range(EPOCHS):
        start = time.monotonic()
        network.train()
        order = torch.randperm(len(inputs), generator=generator)
        total = 0.0
        for first in range(0, len(inputs) - BATCH + 1, BATCH):
            pick = order[first:first + BATCH]
            loss = functional.cross_entropy(network(augment(inputs[pick], generator)),
                                            labels[pick])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1:2d}  loss {total / (len(inputs) // BATCH):.4f}  "
              f"{watch(network)}  {time.monotonic() - start:.0f} s", flush=True)


def export(network):
    """The folded weights by layer name, float32; the first convolution takes 0..255."""
    arrays = {}
    for name, layer in network.named_children():
        if isinstance(layer, ConvNorm):
            weights, biases = layer.folded()
            if layer.constant_channels().any():
                print(f"{name}: {int(layer.constant_channels().sum())} constant channel(s)")
            if name == "conv1":
                weights = weights / 255
        else:
            weights, biases = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        arrays[name + ".weights"] = weights.astype(np.float32)
        arrays[name + ".biases"] = biases.astype(np.float32)
    return arrays


def main():
    parser = argparse.ArgumentParser(description="Trains the example classifier.")
    parser.add_argument("-o", "--out", type=pathlib.Path, default=HERE,
                        help="folder to write to (default: the script's own)")
    options = parser.parse_args()

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    images, labels = draw_images.draw_set(TRAIN_SEED, TRAIN_COUNT)
    inputs, targets = to_tensor(images), torch.from_numpy(labels)
    check_images, check_labels = draw_images.draw_set(CHECK_SEED, CHECK_COUNT)
    check_inputs = to_tensor(check_images)

    network = ShapesNet()
    train(network, inputs, targets,
          lambda net: f"check {accuracy(net, check_inputs, check_labels):.2f} %")

    heldout_images, heldout_labels = draw_images.draw_set(draw_images.HELDOUT_SEED,
                                                          draw_images.HELDOUT_COUNT)
    heldout = to_tensor(heldout_images)
    print(f"held-out {accuracy(network, heldout, heldout_labels):.2f} %")
    np.save(options.out / "heldout_reference.npy", probabilities(network, heldout))
    np.savez(options.out / "trained.npz", **export(network))


if __name__ == "__main__":
    main()
