"""How good a network's outputs are. A task turns outputs and truth into contributions of single images, and sums of contributions
into a figure in percent, so that a figure of any resampling of the images costs one sum: that is what paired intervals need.

Every task has `count`, `contributions(outputs)` -> array [images, k], `figures(sums [resamplings, k])` -> [resamplings], or, where
images do not simply add up (average precision), `figures_of(outputs, weights [resamplings, images])`."""

import json
from pathlib import Path

import numpy as np
from PIL import Image


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def iou(boxes, other):
    """Overlap of boxes [n, 4] with others [m, 4], corners x0 y0 x1 y1."""
    low = np.maximum(boxes[:, None, :2], other[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], other[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    area, other_area = (np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1) for b in (boxes, other))
    return inside / np.maximum(area[:, None] + other_area[None, :] - inside, 1e-12)


def suppress(boxes, scores, overlap):
    """Indices that non-maximum suppression keeps, best first."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while order.size:
        kept.append(order[0])
        order = order[1:][iou(boxes[order[:1]], boxes[order[1:]])[0] <= overlap]
    return kept


class Classify:
    """Top-1."""

    metric = "top-1"

    def __init__(self, truth, names, rows):
        lines = [line.split() for line in Path(truth).read_text().splitlines() if line and not line.startswith("#")]
        if len(lines[0]) == 1:
            self.labels = np.array([int(line[0]) for line in lines])[rows]
        else:
            of = {line[0]: int(line[1]) for line in lines}
            self.labels = np.array([of[name] for name in names])

    def classes(self, outputs):
        (scores,) = outputs.values()
        return scores.reshape(len(scores), -1).argmax(axis=1)

    def figures_of(self, outputs, weights):
        return 100 * weights @ (self.classes(outputs) == self.labels) / weights.sum(axis=1)

    def agreement(self, outputs, reference):
        """Percentage of images with the same best class."""
        return 100 * float(np.mean(self.classes(outputs) == self.classes(reference)))


class Boxes:
    """Average precision at an overlap of 0.5, mean over the classes that occur; the area below the whole curve."""

    metric = "AP50"

    def truth_of(self, name):
        """Boxes [n, 4] in fractions of the image, their classes, and which of them do not count."""
        raise NotImplementedError

    def detect(self, outputs, image):
        """Boxes, scores, classes of one image."""
        raise NotImplementedError

    def __init__(self, names):
        self.truth = [self.truth_of(name) for name in names]

    def figures_of(self, outputs, weights):
        rows = []  # image, class, score, 1: found, 0: false
        for image, (boxes, classes, ignored) in enumerate(self.truth):
            found, scores, labels = self.detect(outputs, image)
            for label in np.unique(labels):
                mine, target = np.flatnonzero(labels == label), np.flatnonzero(classes == label)
                mine = mine[np.argsort(-scores[mine], kind="stable")]
                overlap, free = iou(found[mine], boxes[target]), np.ones(len(target), bool)
                for d, row in zip(mine, overlap):
                    best = np.argmax(np.where(free, row, -1)) if len(row) else -1
                    hit = best >= 0 and free[best] and row[best] >= 0.5
                    if hit:
                        free[best] = False
                        if ignored[target[best]]:
                            continue
                    rows.append((image, label, scores[d], hit))
        table = np.array(rows, dtype=[("image", int), ("label", int), ("score", float), ("hit", bool)])
        counts = {}
        for image, (_, classes, ignored) in enumerate(self.truth):
            for label in classes[~ignored]:
                counts.setdefault(label, np.zeros(len(self.truth)))[image] += 1
        total, classes_seen = np.zeros(len(weights)), np.zeros(len(weights))
        for label, per_image in sorted(counts.items()):
            positives = weights @ per_image
            part = table[table["label"] == label]
            part = part[np.argsort(-part["score"], kind="stable")]
            weight = weights[:, part["image"]]
            true = np.cumsum(weight * part["hit"], axis=1)
            all_seen = np.cumsum(weight, axis=1)
            precision = true / np.maximum(all_seen, 1e-12)
            precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            gained = (weight * part["hit"] * precision).sum(axis=1)
            present = positives > 0
            total += np.where(present, gained / np.maximum(positives, 1e-12), 0)
            classes_seen += present
        return 100 * total / np.maximum(classes_seen, 1)


class Yolo(Boxes):
    """YOLO heads [255, h, w] of three anchors each, COCO classes."""

    ANCHORS = np.array([(12, 18), (37, 49), (52, 132), (115, 73), (119, 199), (242, 238)], float)
    SIDE = 320

    def __init__(self, truth, names, rows):
        data = json.loads(Path(truth).read_text())
        sizes = {i["file_name"]: (i["id"], i["width"], i["height"]) for i in data["images"]}
        self.of = {}
        for name, (image, width, height) in sizes.items():
            mine = [a for a in data["annotations"] if a["image_id"] == image]
            corner = np.array([a["bbox"] for a in mine], float).reshape(-1, 4)
            corner[:, 2:] += corner[:, :2]
            self.of[name] = (corner / [width, height, width, height], np.array([a["category_id"] for a in mine], int),
                             np.array([a["iscrowd"] for a in mine], bool))
        super().__init__(names)

    def truth_of(self, name):
        return self.of[name]

    def detect(self, outputs, image):
        boxes, scores, labels = [], [], []
        for head in outputs.values():
            _, _, height, width = head.shape
            anchors = self.ANCHORS[3:] if width == 10 else self.ANCHORS[:3]
            raw = head[image].reshape(3, 85, height, width).astype(float)
            y, x = np.mgrid[:height, :width]
            centre = np.stack([(sigmoid(raw[:, 0]) + x) / width, (sigmoid(raw[:, 1]) + y) / height], axis=-1)
            size = np.exp(raw[:, 2:4]).transpose(0, 2, 3, 1) * anchors[:, None, None] / self.SIDE
            score = sigmoid(raw[:, 4:5]) * sigmoid(raw[:, 5:])
            a, c, v, u = np.nonzero(score > 0.005)
            boxes.append(np.concatenate([centre - size / 2, centre + size / 2], axis=-1)[a, v, u])
            scores.append(score[a, c, v, u])
            labels.append(c)
        boxes, scores, labels = (np.concatenate(part) for part in (boxes, scores, labels))
        kept = [mine[k] for label in np.unique(labels) for mine in [np.flatnonzero(labels == label)]
                for k in suppress(boxes[mine], scores[mine], 0.45)]
        return boxes[kept], scores[kept], labels[kept]


class Faces(Boxes):
    """The Ultra-Light face detector: offsets to prior boxes of four maps, two scores each."""

    SIZES = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
    WIDTH, HEIGHT = 320, 240

    def __init__(self, truth, names, rows):
        lines, self.of = iter(Path(truth).read_text().splitlines()), {}
        folder = Path(truth).parent
        for name in lines:
            count = int(next(lines))
            boxes = np.array([[float(v) for v in next(lines).split()[:4]] for _ in range(count)]).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            width, height = Image.open(folder / name).size
            self.of[name] = (boxes / [width, height, width, height], np.zeros(count, int), np.zeros(count, bool))
        super().__init__(names)
        priors = []
        for stride, sizes in self.SIZES:
            rows, columns = -(-self.HEIGHT // stride), -(-self.WIDTH // stride)
            for y in range(rows):
                for x in range(columns):
                    priors += [((x + 0.5) * stride / self.WIDTH, (y + 0.5) * stride / self.HEIGHT, s / self.WIDTH,
                                s / self.HEIGHT) for s in sizes]
        self.priors = np.clip(np.array(priors), 0, 1)

    def truth_of(self, name):
        return self.of[name]

    def detect(self, outputs, image):
        scores, offsets = outputs["scores"][image][:, 1], outputs["boxes"][image]
        centre = self.priors[:, :2] + offsets[:, :2] * 0.1 * self.priors[:, 2:]
        size = self.priors[:, 2:] * np.exp(offsets[:, 2:] * 0.2)
        boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
        mine = np.flatnonzero(scores > 0.05)
        kept = mine[suppress(boxes[mine], scores[mine], 0.45)]
        return boxes[kept], scores[kept], np.zeros(len(kept), int)


class Segment:
    """Mean intersection over union of the VOC classes that occur; logits are enlarged to the network's input."""

    metric = "mIoU"
    CLASSES, SIDE = 21, 513
    VOC_OF_COCO = {1: 15, 2: 2, 3: 7, 4: 14, 5: 1, 6: 6, 7: 19, 9: 4, 16: 3, 17: 8, 18: 12, 19: 13, 20: 17, 21: 10, 44: 5,
                   62: 9, 63: 18, 64: 16, 67: 11, 72: 20}
    IGNORED = 255

    def __init__(self, truth, names, rows):
        classes = np.zeros(256, np.uint8)
        for coco, voc in self.VOC_OF_COCO.items():
            classes[coco] = voc
        classes[0] = self.IGNORED
        self.masks = [classes[np.array(Image.open(Path(truth) / name).convert("L"))]
                      for name in (Path(n).stem + ".png" for n in names)]

    def classes_of(self, logits, mask):
        """Best class of every pixel of the mask."""
        height, width = mask.shape
        zoom = self.SIDE / max(height, width)
        grid = (logits.shape[1] - 1) / (self.SIDE - 1)

        def taps(count):
            at = np.clip(((np.arange(count) + 0.5) * zoom - 0.5) * grid, 0, logits.shape[1] - 1)
            low = np.minimum(at.astype(int), logits.shape[1] - 2)
            return low, (at - low).astype(np.float32)

        y, fy = taps(height)
        x, fx = taps(width)
        rows = logits[:, y] * (1 - fy[:, None]) + logits[:, y + 1] * fy[:, None]
        return (rows[:, :, x] * (1 - fx) + rows[:, :, x + 1] * fx).argmax(axis=0)

    def figures_of(self, outputs, weights):
        (logits,) = outputs.values()
        k = self.CLASSES
        tables = []
        for scores, mask in zip(logits, self.masks):
            valid = mask != self.IGNORED
            pairs = mask[valid].astype(int) * k + self.classes_of(scores, mask)[valid]
            tables.append(np.bincount(pairs, minlength=k * k))
        sums = (weights @ np.array(tables)).reshape(-1, k, k)
        common, truth, seen = np.diagonal(sums, axis1=1, axis2=2), sums.sum(axis=2), sums.sum(axis=1)
        share = common / np.maximum(truth + seen - common, 1)
        return 100 * (share * (truth > 0)).sum(axis=1) / (truth > 0).sum(axis=1)


TASKS = {"classify": Classify, "yolo": Yolo, "faces": Faces, "segment": Segment}
