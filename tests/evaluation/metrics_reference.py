#!/usr/bin/env python3
"""Compares 100 random cases of each metric with scikit-learn where it has the metric, else with a plain
implementation of the definition below. Usage: metrics_reference.py PROGRAM (the built metric_cases).
Ends with 77 (skipped) where numpy is missing; scikit-learn's part is left out, visibly, where that is."""
import json
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("SKIPPED: numpy is missing")
    sys.exit(77)
try:
    from sklearn import metrics as sk
except ImportError:
    sk = None

CASES = 100
rng = np.random.default_rng(20260606)


def class_samples(classes, n, ties=False):
    out = []
    for _ in range(n):
        scores = rng.integers(0, 5, classes) / 4 if ties else rng.random(classes)
        out.append({"label": int(rng.integers(classes)), "scores": [float(np.float32(s)) for s in scores]})
    return out


def box_samples(classes, n):
    out = []
    for _ in range(n):
        count = int(rng.integers(0, 6))
        objects = []
        for _ in range(count):
            x, y = rng.integers(0, 60, 2)
            w, h = rng.integers(5, 40, 2)
            objects.append([int(x), int(y), int(x + w), int(y + h)])
        labels = [int(c) for c in rng.integers(0, classes, count)]
        seen, seen_labels = [], []
        for box, label in zip(objects, labels):
            for _ in range(int(rng.integers(0, 3))):
                seen.append([float(v + d) for v, d in zip(box, rng.normal(0, 3, 4))])
                seen_labels.append(label if rng.random() < 0.8 else int(rng.integers(classes)))
        for _ in range(int(rng.integers(0, 3))):
            x, y = rng.random(2) * 60
            seen.append([float(x), float(y), float(x + 20), float(y + 20)])
            seen_labels.append(int(rng.integers(classes)))
        scores = rng.permutation(1000)[:len(seen)] / 1000 + rng.random() * 1e-4
        out.append({"objects": objects, "labels": labels,
                    "difficult": [int(rng.random() < 0.2) for _ in objects],
                    "crowd": [int(rng.random() < 0.15) for _ in objects],
                    "boxes": seen, "box_labels": seen_labels,
                    "box_scores": [float(np.float32(s)) for s in scores]})
    return out


def iou(a, b, border):
    w = min(a[2], b[2]) - max(a[0], b[0]) + border
    h = min(a[3], b[3]) - max(a[1], b[1]) + border
    inter = max(w, 0) * max(h, 0)
    area = lambda r: max(r[2] - r[0] + border, 0) * max(r[3] - r[1] + border, 0)
    return inter / (area(a) + area(b) - inter)


def voc_ap(samples, label, eleven):
    rows, n = [], 0
    for i, s in enumerate(samples):
        n += sum(1 for l, d in zip(s["labels"], s["difficult"]) if l == label and not d)
        rows += [(score, i, box) for box, l, score in zip(s["boxes"], s["box_labels"], s["box_scores"]) if l == label]
    if not rows:
        return None
    rows.sort(key=lambda r: -r[0])
    used = [set() for _ in samples]
    tp, fp = [], []
    for _, i, box in rows:
        s = samples[i]
        own = [(iou(box, o, 1), k, s["difficult"][k])
               for k, (o, l) in enumerate(zip(s["objects"], s["labels"])) if l == label]
        easy, hard = [o for o in own if not o[2]], [o for o in own if o[2]]
        best = max(easy, default=(0, None, 0))
        if best[0] < 0.5 and hard:
            best = max(hard)
        right = wrong = 0
        if best[0] < 0.5 or best[1] in used[i]:
            wrong = 1
        else:
            used[i].add(best[1])
            right = 0 if best[2] else 1
        tp.append(right)
        fp.append(wrong)
    tp, fp = np.cumsum(tp), np.cumsum(fp)
    eps = np.finfo(float).eps
    p, r = tp / np.maximum(tp + fp, eps), tp / max(n, eps)
    if eleven:
        return float(sum(p[r >= t].max() if (r >= t).any() else 0 for t in np.arange(0, 1.1, 0.1)) / 11)
    env = np.maximum.accumulate(p[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0], r])) * env))


def crowd_overlap(b, o):
    w, h = min(b[2], o[2]) - max(b[0], o[0]), min(b[3], o[3]) - max(b[1], o[1])
    area = max(b[2] - b[0], 0) * max(b[3] - b[1], 0)
    return max(w, 0) * max(h, 0) / area if area else 0


def coco_match(s, label, threshold, most):
    """Rows (score, matched, ignored) of one picture, and how many objects count."""
    gt = [(o, d or c, c) for o, l, d, c in zip(s["objects"], s["labels"], s["difficult"], s["crowd"]) if l == label]
    gt.sort(key=lambda g: g[1])
    dets = sorted([(score, b) for b, l, score in zip(s["boxes"], s["box_labels"], s["box_scores"]) if l == label],
                  key=lambda d: -d[0])[:most]
    used, rows = [False] * len(gt), []
    for score, b in dets:
        best, m = min(threshold, 1 - 1e-10), -1
        for k, (o, ignored, crowd) in enumerate(gt):
            if used[k] and not crowd:
                continue
            if m > -1 and not gt[m][1] and ignored:
                break
            v = crowd_overlap(b, o) if crowd else iou(b, o, 0)
            if v < best:
                continue
            best, m = v, k
        if m > -1:
            used[m] = True
        rows.append((score, m > -1, m > -1 and bool(gt[m][1])))
    return rows, sum(1 for g in gt if not g[1])


def coco_ap(samples, label, thresholds, most):
    """Average precision and recall of a class; None without objects."""
    total, recalls = [], []
    for t in thresholds:
        rows, n = [], 0
        for s in samples:
            own, count = coco_match(s, label, t, most)
            rows += own
            n += count
        if n == 0:
            return None, None
        rows.sort(key=lambda r: -r[0])
        tp = np.cumsum([m and not g for _, m, g in rows])
        fp = np.cumsum([not m and not g for _, m, g in rows])
        r, p = tp / n, tp / (tp + fp + np.spacing(1))
        p = np.maximum.accumulate(p[::-1])[::-1]
        at = np.searchsorted(r, np.linspace(0, 1, 101), side="left")
        total.append(np.mean([p[k] if k < len(p) else 0 for k in at]))
        recalls.append(r[-1] if len(r) else 0)
    return float(np.mean(total)), float(np.mean(recalls))


def mean(values):
    values = [v for v in values if v is not None]
    return float(np.mean(values)) if values else None


def gaussian_ssim(a, b):
    x = np.exp(-np.arange(-5, 6) ** 2 / 4.5)
    w = np.outer(x, x) / x.sum() ** 2
    avg = lambda m: (np.lib.stride_tricks.sliding_window_view(m, (11, 11)) * w).sum((-1, -2))
    ma, mb = avg(a), avg(b)
    va, vb, c = avg(a * a) - ma * ma, avg(b * b) - mb * mb, avg(a * b) - ma * mb
    c1, c2 = 2.55 ** 2, 7.65 ** 2
    return float(np.mean((2 * ma * mb + c1) * (2 * c + c2) / ((ma ** 2 + mb ** 2 + c1) * (va + vb + c2))))


def rank_samples():
    out = []
    for user in range(5):
        positive = int(rng.integers(12))
        out += [{"user": user, "item": i, "positive": i == positive, "score": float(s)}
                for i, s in enumerate(rng.permutation(12))]
    return out


def masks(labels):
    draw = lambda: [int(v) for v in rng.integers(0, labels, 64)]
    return {"width": 8, "mask": draw(), "seen": draw()}


def sklearn_cases():
    s, k = class_samples(6, 40), int(rng.integers(2, 5))
    t, p = [x["label"] for x in s], [int(np.argmax(x["scores"])) for x in s]
    scores = np.array([x["scores"] for x in s])
    yield {"type": "accuracy"}, 6, s, sk.accuracy_score(t, p)
    yield {"type": "accuracy", "top_k": str(k)}, 6, s, sk.top_k_accuracy_score(t, scores, k=k, labels=range(6))
    yield {"type": "f1"}, 6, s, sk.f1_score(t, p, average="macro", labels=sorted(set(t) | set(p)), zero_division=0)
    yield {"type": "accuracy_per_class"}, 6, s, sk.recall_score(t, p, average="macro", labels=sorted(set(t)))
    b = class_samples(2, 30, ties=True)
    yield {"type": "roc_auc_score"}, 2, b, sk.roc_auc_score([x["label"] for x in b], [x["scores"][1] for x in b])
    m = class_samples(4, 60)
    yield ({"type": "roc_auc_score", "name": "macro"}, 4, m,
           sk.roc_auc_score(np.eye(4)[[x["label"] for x in m]], np.array([x["scores"] for x in m]), average="macro"))
    r = [{"real": [float(a)], "seen": [float(c)]} for a, c in rng.normal(0, 5, (20, 2))]
    real, pred = [x["real"][0] for x in r], [x["seen"][0] for x in r]
    yield {"type": "mae"}, 1, r, sk.mean_absolute_error(real, pred)
    yield {"type": "mse"}, 1, r, sk.mean_squared_error(real, pred)
    yield {"type": "rmse"}, 1, r, float(np.sqrt(sk.mean_squared_error(real, pred)))
    n = rank_samples()
    of = lambda key, user: [x[key] for x in n if x["user"] == user]
    yield ({"type": "ndcg"}, 1, n,
           float(np.mean([sk.ndcg_score([of("positive", u)], [of("score", u)], k=10) for u in range(5)])))
    w = [masks(4) for _ in range(3)]
    real, pred = np.concatenate([x["mask"] for x in w]), np.concatenate([x["seen"] for x in w])
    yield {"type": "mean_iou"}, 4, w, sk.jaccard_score(real, pred, average="macro")
    yield {"type": "segmentation_accuracy"}, 4, w, sk.accuracy_score(real, pred)
    yield {"type": "mean_accuracy"}, 4, w, sk.balanced_accuracy_score(real, pred)
    yield {"type": "frequency_weighted_accuracy"}, 4, w, sk.jaccard_score(real, pred, average="weighted")
    d = masks(3)
    per_label = sk.f1_score(d["mask"], d["seen"], average=None, labels=[1, 2])
    whole = sk.f1_score([v > 0 for v in d["mask"]], [v > 0 for v in d["seen"]])
    yield {"type": "dice_index"}, 3, [d], float(np.mean([whole, *per_label]))


def own_cases():
    s, k = class_samples(6, 40), int(rng.integers(2, 5))
    yield ({"type": "accuracy", "top_k": str(k), "name": "by numpy"}, 6, s,
           float(np.mean([x["label"] in np.argsort(-np.array(x["scores"]))[:k] for x in s])))
    d = masks(2)
    both = sum(a * c for a, c in zip(d["mask"], d["seen"]))
    yield {"type": "dice"}, 2, [d], (2 * both + 1) / (sum(d["mask"]) + sum(d["seen"]) + 1)
    n = rank_samples()
    ranks = [[x["positive"] for x in sorted([x for x in n if x["user"] == u], key=lambda x: -x["score"])].index(True)
             for u in range(5)]
    yield {"type": "hit_ratio", "top_k": "4"}, 1, n, float(np.mean([r < 4 for r in ranks]))
    a, b = rng.integers(0, 256, (14, 15)).astype(float), rng.integers(0, 256, (14, 15)).astype(float)
    wrap = lambda m: {"channels": 1, "height": 14, "width": 15, "values": m.ravel().tolist()}
    pictures = [{"picture": wrap(a), "drawn": wrap(b)}]
    yield {"type": "ssim"}, 1, pictures, gaussian_ssim(a, b)
    inner = (a - b)[2:-2, 2:-2] / 255
    yield {"type": "psnr", "scale_border": "2"}, 1, pictures, float(-10 * np.log10(np.mean(inner ** 2)))
    s = box_samples(3, 5)
    for integral in ("max", "11point"):
        yield ({"type": "map", "integral": integral}, 3, s,
               mean([voc_ap(s, c, integral == "11point") for c in range(3)]))
    full = [coco_ap(s, c, np.linspace(.5, .95, 10), 100) for c in range(3)]
    half = [coco_ap(s, c, [0.5], 2) for c in range(3)]
    yield {"type": "coco_orig_precision"}, 3, s, mean([f[0] for f in full])
    yield {"type": "coco_orig_recall"}, 3, s, mean([f[1] for f in full])
    some = {"threshold": ".50", "max_detections": "2"}
    yield {"type": "coco_precision", **some}, 3, s, mean([h[0] or 0 for h in half])
    yield {"type": "coco_recall", **some}, 3, s, mean([h[1] or 0 for h in half])


def main():
    every = [case for _ in range(CASES) for make in ([sklearn_cases] if sk else []) + [own_cases] for case in make()]
    text = "\n".join(json.dumps({"metric": m, "labels": l, "samples": s}) for m, l, s, _ in every)
    run = subprocess.run([sys.argv[1]], input=text, capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert len(lines) == len(every), run.stderr
    worst, failures = {}, 0
    for (metric, _, _, expected), line in zip(every, lines):
        value = json.loads(line)["value"]
        same = value is None and expected is None
        error = 0.0 if same else float("inf") if value is None or expected is None else abs(value - expected)
        name = " ".join(f"{v}" for k, v in metric.items() if k != "top_k")
        count, largest = worst.get(name, (0, 0.0))
        worst[name] = (count + 1, max(largest, error))
        failures += error > 1e-6
    for name, (count, largest) in sorted(worst.items()):
        print(f"{name}: {count} cases, largest difference {largest:.1e}")
    if sk is None:
        print("SKIPPED: the comparisons with scikit-learn, which is missing")
    print(f"{failures} of {len(every)} cases differ by more than 1e-6")
    sys.exit(1 if failures else 0)


main()
