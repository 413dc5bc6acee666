#!/usr/bin/env python3
"""Draws annotations in the format of Pascal VOC from COCO's instances: coco_to_voc.py INSTANCES.json OUT_DIR.
OUT_DIR gets Annotations/NAME.xml and ImageSets/Main/test.txt. Categories of VOC's twenty classes are kept; boxes
of crowds, and those smaller than 0.2 % of the picture, are marked difficult."""
import json
import pathlib
import sys
from xml.sax.saxutils import escape

NAMES = {"airplane": "aeroplane", "bicycle": "bicycle", "bird": "bird", "boat": "boat", "bottle": "bottle", "bus": "bus",
         "car": "car", "cat": "cat", "chair": "chair", "cow": "cow", "dining table": "diningtable", "dog": "dog",
         "horse": "horse", "motorcycle": "motorbike", "person": "person", "potted plant": "pottedplant",
         "sheep": "sheep", "couch": "sofa", "train": "train", "tv": "tvmonitor"}


def xml_of(image, objects, categories):
    lines = ["<annotation>", f"  <filename>{escape(image['file_name'])}</filename>",
             f"  <size><width>{image['width']}</width><height>{image['height']}</height><depth>3</depth></size>"]
    for o in objects:
        name = NAMES.get(categories[o["category_id"]])
        if name is None:
            continue
        x, y, w, h = o["bbox"]
        small = w * h < 0.002 * image["width"] * image["height"]
        lines += ["  <object>", f"    <name>{name}</name>",
                  f"    <difficult>{int(bool(o.get('iscrowd')) or small)}</difficult>",
                  f"    <bndbox><xmin>{round(x) + 1}</xmin><ymin>{round(y) + 1}</ymin>"
                  f"<xmax>{round(x + w) + 1}</xmax><ymax>{round(y + h) + 1}</ymax></bndbox>", "  </object>"]
    return "\n".join(lines + ["</annotation>", ""])


def main():
    coco = json.load(open(sys.argv[1], encoding="utf-8"))
    out = pathlib.Path(sys.argv[2])
    (out / "Annotations").mkdir(parents=True, exist_ok=True)
    (out / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    categories = {c["id"]: c["name"] for c in coco["categories"]}
    stems = []
    for image in coco["images"]:
        stem = pathlib.Path(image["file_name"]).stem
        objects = [o for o in coco["annotations"] if o["image_id"] == image["id"]]
        (out / "Annotations" / f"{stem}.xml").write_text(xml_of(image, objects, categories), encoding="utf-8")
        stems.append(stem)
    (out / "ImageSets/Main/test.txt").write_text("\n".join(sorted(stems)) + "\n", encoding="utf-8")
    print(f"{len(stems)} pictures annotated in {out}")


main()
