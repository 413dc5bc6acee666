#!/usr/bin/python3
"""Draws the images of the example model: ten classes of shapes and textures, 32x32 RGB.

Everything is integer arithmetic on numbers from numpy's RandomState.randint, so the pixels depend
on the seed alone and not on the processor, the number of threads or the mathematics library.  (The
sine table below is rounded to 14 bits, far coarser than any difference between libraries.)

Run without arguments it writes, beside this script, what is committed:

    calibration/000.png ...   100 images without labels, for `refcalib calibrate`
    heldout/000.png ...       300 images that training never sees
    heldout.txt               one line "file index" for each held-out image
    labels.txt                the class names, line n being class n

train.py draws its own images through draw_set() and needs no files.
"""

import argparse
import math
import pathlib

import numpy as np

SIZE = 32           # side of an image in pixels
SUPER = 4           # each pixel is the mean of SUPER x SUPER samples
UNIT = 256          # one pixel in the fixed-point coordinates of the drawing plane
TURN = 1024         # one full turn in the angles below
SINE_BITS = 14      # sine and cosine are integers over 2**SINE_BITS

CLASSES = ("circle", "square", "triangle", "star", "cross",
           "stripes", "rings", "checker", "spiral", "arrow")

CALIBRATION_SEED, CALIBRATION_COUNT = 20200, 100
HELDOUT_SEED, HELDOUT_COUNT = 30300, 300

_SINE = [round(math.sin(2 * math.pi * i / TURN) * (1 << SINE_BITS)) for i in range(TURN)]

# Sample positions: SUPER * SIZE per axis, in UNITs per pixel, origin at the upper left corner.
_AXIS = (np.arange(SIZE * SUPER, dtype=np.int32) * 2 + 1) * (UNIT // (2 * SUPER))
_X, _Y = np.meshgrid(_AXIS, _AXIS)


def sine(angle):
    """Sine of angle/TURN turns, as an integer over 2**SINE_BITS."""
    return _SINE[angle % TURN]


def cosine(angle):
    """Cosine of angle/TURN turns, as an integer over 2**SINE_BITS."""
    return _SINE[(angle + TURN // 4) % TURN]


def polar(radius, angle):
    """The integer point at the given radius and angle."""
    return (radius * cosine(angle)) >> SINE_BITS, (radius * sine(angle)) >> SINE_BITS


def local_frame(centre_x, centre_y, angle):
    """Sample coordinates relative to a centre, turned by an angle."""
    dx, dy = _X - centre_x, _Y - centre_y
    c, s = cosine(angle), sine(angle)
    return (dx * c + dy * s) >> SINE_BITS, (dy * c - dx * s) >> SINE_BITS


def convex(u, v, points):
    """Mask of the samples inside a convex polygon; either orientation."""
    left = np.ones(u.shape, bool)
    right = np.ones(u.shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
        side = (bx - ax) * (v - ay) - (by - ay) * (u - ax)
        left &= side >= 0
        right &= side <= 0
    return left | right


def box(u, v, half_width, half_height):
    """Mask of a centred rectangle."""
    return (np.abs(u) <= half_width) & (np.abs(v) <= half_height)


def disc(u, v, radius):
    """Mask of a centred disc."""
    return u * u + v * v <= radius * radius


def integer_root(values):
    """Floor of the square root of a non-negative int32 array.

    IEEE requires a correctly rounded square root, and 53 bits hold every int32, so the floor is
    the same on every machine.
    """
    return np.sqrt(values.astype(np.float64)).astype(np.int32)


# Each shape takes the local frame, its radius and the random source and returns (shape, marks):
# the mask that is painted in the foreground colour, and the mask painted over it in a second one
# (None for plain shapes).

def draw_circle(u, v, r, _):
    return disc(u, v, r * 9 // 10), None


def draw_square(u, v, r, _):
    half = r * 4 // 5
    return box(u, v, half, half), None


def draw_triangle(u, v, r, _):
    return convex(u, v, [polar(r, k * TURN // 3) for k in range(3)]), None


def draw_star(u, v, r, rng):
    inner = r * rng.randint(40, 50) // 100
    mask = np.zeros(u.shape, bool)
    for k in range(5):
        tip = k * TURN // 5
        mask |= convex(u, v, [(0, 0), polar(inner, tip - TURN // 10), polar(r, tip),
                              polar(inner, tip + TURN // 10)])
    return mask, None


def draw_cross(u, v, r, rng):
    arm = r * rng.randint(22, 36) // 100
    return box(u, v, r * 19 // 20, arm) | box(u, v, arm, r * 19 // 20), None


def patch(u, v, r, rng):
    """The outline of a texture: a disc or a square, so that it does not tell the class."""
    return disc(u, v, r) if rng.randint(2) else box(u, v, r * 4 // 5, r * 4 // 5)


def draw_stripes(u, v, r, rng):
    period = rng.randint(7 * UNIT // 2, 11 * UNIT // 2)
    shift = rng.randint(period)
    return patch(u, v, r, rng), ((u + 64 * UNIT + shift) % period) * 2 < period


def draw_rings(u, v, r, rng):
    period = rng.randint(7 * UNIT // 2, 11 * UNIT // 2)
    shift = rng.randint(period)
    return patch(u, v, r, rng), ((integer_root(u * u + v * v) + shift) % period) * 2 < period


def draw_checker(u, v, r, rng):
    cell = rng.randint(9 * UNIT // 4, 7 * UNIT // 2)
    shift_u, shift_v = rng.randint(cell), rng.randint(cell)
    parity = (u + 64 * UNIT + shift_u) // cell + (v + 64 * UNIT + shift_v) // cell
    return patch(u, v, r, rng), parity % 2 == 0


def draw_spiral(u, v, r, rng):
    turns = rng.randint(150, 260) * TURN // 100
    direction = 1 if rng.randint(2) else -1
    pen = rng.randint(UNIT * 3 // 4, UNIT * 5 // 4)
    nearest = np.full(u.shape, 1 << 30, np.int32)
    steps = 56
    for k in range(steps):
        px, py = polar(r * k // steps, direction * turns * k // steps)
        nearest = np.minimum(nearest, (u - px) ** 2 + (v - py) ** 2)
    return nearest <= pen * pen, None


def draw_arrow(u, v, r, rng):
    shaft = r * rng.randint(16, 26) // 100
    wing = r * rng.randint(55, 75) // 100
    neck = r // 10
    head = convex(u, v, [(r, 0), (neck, wing), (neck, -wing)])
    tail = (u >= -r) & (u <= neck) & (np.abs(v) <= shaft)
    return head | tail, None


SHAPES = (draw_circle, draw_square, draw_triangle, draw_star, draw_cross,
          draw_stripes, draw_rings, draw_checker, draw_spiral, draw_arrow)


def colour_far_from(rng, others, distance):
    """A random colour whose channel differences to each of the others sum to `distance` or more.

    After 50 attempts the last one is taken, so the loop always ends.
    """
    for _ in range(50):
        colour = rng.randint(0, 256, 3).astype(np.int32)
        if all(np.abs(colour - other).sum() >= distance for other in others):
            break
    return colour


def paint(canvas, mask, colour):
    """Puts one colour on the samples of a mask."""
    canvas[mask] = colour


def draw_background(rng, colour):
    """A plain background with a linear change of brightness across it."""
    along, _ = local_frame(SIZE * UNIT // 2, SIZE * UNIT // 2, rng.randint(TURN))
    slope = rng.randint(0, 4)
    shade = (along * slope) // UNIT
    return np.clip(colour[None, None, :] + shade[:, :, None], 0, 255).astype(np.int32)


def draw_clutter(canvas, rng, count):
    """Short bars and small discs of random colours behind the object."""
    for _ in range(count):
        u, v = local_frame(rng.randint(SIZE * UNIT), rng.randint(SIZE * UNIT), rng.randint(TURN))
        colour = rng.randint(0, 256, 3).astype(np.int32)
        if rng.randint(2):
            mask = box(u, v, rng.randint(2 * UNIT, 7 * UNIT), rng.randint(UNIT // 2, UNIT))
        else:
            mask = disc(u, v, rng.randint(UNIT, 3 * UNIT))
        paint(canvas, mask, colour)


def draw_occlusion(canvas, rng, centre_x, centre_y, radius):
    """One opaque rectangle that hides a part of the object's rim."""
    ox, oy = polar(radius * rng.randint(50, 100) // 100, rng.randint(TURN))
    u, v = local_frame(centre_x + ox, centre_y + oy, rng.randint(TURN))
    half_width = radius * rng.randint(25, 70) // 100
    half_height = radius * rng.randint(20, 45) // 100
    paint(canvas, box(u, v, half_width, half_height), rng.randint(0, 256, 3).astype(np.int32))


def blur(image):
    """One pass of the 1-2-1 kernel along each axis, edges repeated, rounded to nearest."""
    wide = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:] + 8) >> 4


def add_noise(image, rng, amplitude):
    """Adds bell-shaped noise (a sum of four uniform numbers) of about `amplitude` deviation."""
    uniform = rng.randint(-128, 129, (4,) + image.shape).sum(axis=0)
    return image + (uniform * amplitude) // 148  # 148: deviation of the sum of the four


def draw_image(rng, label):
    """One uint8 image [SIZE, SIZE, 3], channels R G B, of the class `label`."""
    radius = rng.randint(8 * UNIT, 13 * UNIT)
    margin = radius * 3 // 4
    centre_x = rng.randint(margin, SIZE * UNIT - margin)
    centre_y = rng.randint(margin, SIZE * UNIT - margin)
    background = colour_far_from(rng, (), 0)
    foreground = colour_far_from(rng, (background,), 140)
    second = colour_far_from(rng, (foreground,), 140)

    canvas = draw_background(rng, background)
    draw_clutter(canvas, rng, rng.randint(0, 5))
    u, v = local_frame(centre_x, centre_y, rng.randint(TURN))
    shape, marks = SHAPES[label](u, v, radius, rng)
    paint(canvas, shape, foreground)
    if marks is not None:
        paint(canvas, shape & marks, second)
    if rng.randint(100) < 40:
        draw_occlusion(canvas, rng, centre_x, centre_y, radius)

    blocks = canvas.reshape(SIZE, SUPER, SIZE, SUPER, 3).sum(axis=(1, 3))
    image = (blocks + SUPER * SUPER // 2) // (SUPER * SUPER)
    for _ in range(rng.randint(0, 3)):
        image = blur(image)
    image = add_noise(image, rng, rng.randint(2, 24))
    return np.clip(image, 0, 255).astype(np.uint8)


def draw_set(seed, count):
    """`count` images of equally frequent classes in random order.

    Returns uint8 images [count, SIZE, SIZE, 3] (R G B) and int64 labels [count].
    """
    rng = np.random.RandomState(seed)
    labels = np.arange(count, dtype=np.int64) % len(CLASSES)
    for i in range(count - 1, 0, -1):
        j = rng.randint(i + 1)
        labels[i], labels[j] = labels[j], labels[i]
    images = np.stack([draw_image(rng, int(label)) for label in labels])
    return images, labels


def write_images(folder, images):
    """Writes 000.png, 001.png ... into a folder and returns the file names."""
    from PIL import Image  # only this function needs it
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{i:03d}.png" for i in range(len(images))]
    for name, image in zip(names, images):
        Image.fromarray(image, "RGB").save(folder / name, optimize=True)
    return names


def main():
    parser = argparse.ArgumentParser(description="Draws the images of the example model.")
    parser.add_argument("-o", "--out", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent,
                        help="folder to write to (default: the script's own)")
    parser.add_argument("--train", type=pathlib.Path, metavar="FILE.npz",
                        help="write a training set to this file instead")
    parser.add_argument("--count", type=int, default=20000, help="size of that training set")
    parser.add_argument("--seed", type=int, default=10100, help="seed of that training set")
    options = parser.parse_args()

    if options.train:
        images, labels = draw_set(options.seed, options.count)
        np.savez_compressed(options.train, images=images, labels=labels)
        return
    write_images(options.out / "calibration", draw_set(CALIBRATION_SEED, CALIBRATION_COUNT)[0])
    images, labels = draw_set(HELDOUT_SEED, HELDOUT_COUNT)
    names = write_images(options.out / "heldout", images)
    lines = [f"{name} {label}\n" for name, label in zip(names, labels)]
    (options.out / "heldout.txt").write_text("".join(lines), encoding="utf-8")
    (options.out / "labels.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
