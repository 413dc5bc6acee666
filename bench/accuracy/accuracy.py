#!/usr/bin/python3
"""Accuracy of INT8 models on real networks and labelled data: calibrates with one part of the data, evaluates on the other, and
prints a table with paired differences and their 95 % intervals.

    bench/accuracy/accuracy.py --shared SHARED --refcalib build/bin/refcalib [--split half] [--networks NAME…]
                               [--variants methods|presets] [--variant "NAME=OPTIONS of calibrate"]… [--markdown FILE] [--continue]

Every variant is a set of options of `refcalib calibrate`. Results of a run are kept in --work and used again as long as program,
options and data are the same. With --continue, networks whose section in the markdown file is whole keep it, so that an interrupted run
goes on where it was, also with another program; sections of other networks are measured. docs/accuracy-table.md is written by

    bench/accuracy/accuracy.py --shared SHARED --refcalib build/bin/refcalib --variants presets methods --markdown docs/accuracy-table.md
"""

import argparse
import hashlib
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from networks import NETWORKS
from tasks import TASKS

RESAMPLINGS = 2000
SPLITS = {  # name: (which samples calibrate, which are evaluated)
    "half": (lambda i: i % 2 == 0, lambda i: i % 2 == 1),
    "third": (lambda i: i % 3 == 0, lambda i: i % 3 != 0),
    "third2": (lambda i: i % 3 == 1, lambda i: i % 3 != 1),
    "third3": (lambda i: i % 3 == 2, lambda i: i % 3 != 2),
    "quick": (lambda i: i % 10 == 0, lambda i: i % 10 == 5),
    "first100": (lambda i: i < 100, lambda i: i >= 100),
}
METHODS = ("minmax", "mean-minmax", "moving-average", "percentile", "image-percentile", "kl", "mse", "aciq-gauss",
           "aciq-laplace", "octav", "auto")
VARIANTS = {  # sets of options of calibrate, by the names of the variants
    "default": {"default": ""},
    "presets": {f"preset {name}": f"--preset {name}" for name in ("performance", "mixed", "accuracy")},
    "methods": {f"method {name}": f"--method {name} --corrections fast-bias" for name in METHODS},
}
SIMPLEST = "preset performance"
HEADER = [f"| variant | INT8 | difference | 95 % interval | to {SIMPLEST} | 95 % interval | same best class | SQNR dB |",
          "|---|---|---|---|---|---|---|---|"]
PREAMBLE = """# INT8 accuracy of ten networks

Written by `bench/accuracy/accuracy.py`. Limits come from one part of the labelled data, accuracy from the other; the difference to FP32 is
paired: both networks see the same images, and its 95 % interval is over 2000 resamplings of these. Where a network classifies, the share
of images with the same best class as FP32 is shown too. The second difference is that to the simplest preset, paired likewise. Preset `mixed` is the default, method `mse` its method. The presets
equalize channels where held-back samples gain; methods are compared without (`--corrections fast-bias`).
"""


class Data:
    """The two parts of a network's data as files that the program reads."""

    def __init__(self, network, shared, split, work):
        source = shared / "data" / network.data
        chosen, evaluated = SPLITS[split]
        folder = work / (network.name.replace(" ", "_") + "_" + split)
        folder.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".npy":
            samples = np.load(source)
            rows = list(range(len(samples)))
            parts = [[i for i in rows if of(i)] for of in (chosen, evaluated)]
            self.files = [folder / "calibration.npy", folder / "evaluation.npy"]
            for file, part in zip(self.files, parts):
                np.save(file, samples[part])
            self.names = [""] * len(parts[1])
        else:
            images = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
            parts = [[i for i in range(len(images)) if of(i)] for of in (chosen, evaluated)]
            self.files = [folder / "calibration.txt", folder / "evaluation.txt"]
            for file, part in zip(self.files, parts):
                file.write_text("".join(f"{images[i].resolve()}\n" for i in part))
            self.names = [images[i].name for i in parts[1]]
        self.rows, self.calibration_count, self.folder = parts[1], len(parts[0]), folder


class Program:
    def __init__(self, path, threads):
        self.path = path.resolve()
        self.threads = ("--nthreads", threads)  # results do not depend on them
        self.digest = hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    def run(self, *arguments):
        done = subprocess.run([str(self.path), *map(str, (*arguments, *self.threads))], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{shlex.join(map(str, arguments))}\n{done.stderr}")
        return done.stdout

    def outputs(self, model, network, data, fp32):
        key = hashlib.sha256((self.digest + str(fp32)).encode() + Path(model).read_bytes() +
                             Path(model).with_suffix(".bin").read_bytes() + data.files[1].read_bytes()).hexdigest()[:16]
        folder = data.folder / ("outputs_" + key)
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            self.run("infer", "-m", model, "-i", data.files[1], *network.options, "--out", folder, *(["--fp32"] if fp32 else []))
            (folder / "done").touch()
        return {p.stem: np.load(p) for p in sorted(folder.glob("*.npy"))}

    def calibrate(self, model, network, data, variant, options):
        name = hashlib.sha256((self.digest + options).encode()).hexdigest()[:16]
        target = data.folder / f"{variant}_{name}.xml"
        if not target.exists():
            text = self.run("calibrate", "-sm", "-m", model, "-s", data.files[0], *network.options, "--no-measure", "-o", target,
                            *shlex.split(options))
            target.with_suffix(".log").write_text(text)
        return target


def intervals(task, reference, quantized, count):
    """Figures of both, their difference, and its 95 % interval over resamplings of the images (the same for both; fixed seed)."""
    weights = np.random.default_rng(20190601).multinomial(count, np.full(count, 1 / count), size=RESAMPLINGS)
    weights = np.concatenate([np.ones((1, count)), weights]).astype(float)
    base, other = task.figures_of(reference, weights), task.figures_of(quantized, weights)
    low, high = np.percentile((other - base)[1:], (2.5, 97.5))
    return base[0], other[0], other[0] - base[0], low, high


def sqnr(reference, quantized):
    values = []
    for name, expected in reference.items():
        error = (quantized[name] - expected).astype(float)
        values.append(10 * np.log10(np.sum(expected.astype(float)**2) / max(np.sum(error**2), 1e-30)))
    return min(values)


def finished_sections(markdown, variants):
    """Sections of an earlier run that have a row for every variant, by the names of their networks."""
    sections = {}
    if not markdown.exists():
        return sections
    for part in markdown.read_text().split("\n## ")[1:]:
        name, _, _ = part.partition("\n")
        rows = {line.split("|")[1].strip() for line in part.splitlines() if line.startswith("|")}
        if rows >= set(variants):
            sections[name.strip()] = "\n## " + part.rstrip("\n")
    return sections


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--refcalib", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("build/accuracy"))
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--split", choices=SPLITS, default="half")
    parser.add_argument("--networks", nargs="*", help="names, or parts of names")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=[], help="sets of variants")
    parser.add_argument("--variant", action="append", default=[], help="NAME=OPTIONS")
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    parser.add_argument("--continue", dest="resume", action="store_true",
                        help="keep the sections of the markdown file that have a row for every variant")
    options = parser.parse_args()
    variants = {name: given for chosen in options.variants for name, given in VARIANTS[chosen].items()}
    variants.update(v.split("=", 1) for v in options.variant)
    variants = variants or VARIANTS["default"]
    if options.resume and not options.markdown:
        parser.error("--continue needs --markdown FILE")
    finished = finished_sections(options.markdown, variants) if options.resume else {}
    program = Program(options.refcalib, options.threads)
    text = PREAMBLE

    def show(line):
        nonlocal text
        print(line, flush=True)
        text += line + "\n"
        if options.markdown:
            options.markdown.write_text(text + "".join(section + "\n" for section in finished.values()))

    for network in NETWORKS:
        if options.networks and not any(part in network.name for part in options.networks):
            continue
        if network.name in finished:
            show(finished.pop(network.name))
            continue
        started = time.monotonic()
        data = Data(network, options.shared, options.split, options.work)
        task = TASKS[network.task](options.shared / "data" / network.truth, data.names, data.rows)
        model = options.shared / "models" / (network.model + ".xml")
        reference = program.outputs(model, network, data, fp32=True)
        base = intervals(task, reference, reference, len(data.rows))[0]
        show(f"\n## {network.name}\n\n{data.calibration_count} samples calibrate, {len(data.rows)} are evaluated. "
             f"{task.metric} of FP32: {base:.2f}\n")
        for line in HEADER:
            show(line)
        simplest = None
        for variant, given in variants.items():
            quantized = program.outputs(program.calibrate(model, network, data, variant, given), network, data, fp32=False)
            _, other, gap, low, high = intervals(task, reference, quantized, len(data.rows))
            same = f"{task.agreement(quantized, reference):.2f}" if hasattr(task, "agreement") else ""
            if variant == SIMPLEST:
                simplest = quantized
            beside = " | "
            if simplest is not None and variant != SIMPLEST:
                _, _, more, least, most = intervals(task, simplest, quantized, len(data.rows))
                beside = f"{more:+.2f} | {least:+.2f} to {most:+.2f}"
            show(f"| {variant} | {other:.2f} | {gap:+.2f} | {low:+.2f} to {high:+.2f} | {beside} | {same} | "
                 f"{sqnr(reference, quantized):.1f} |")
        print(f"({network.name}: {time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
