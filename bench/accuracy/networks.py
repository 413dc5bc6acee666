"""The networks of the accuracy table: where they lie below the shared folder, what is fed to them, how they are judged."""

from dataclasses import dataclass

IMAGENET = ("--resize", "short:256", "--crop", "center")


@dataclass(frozen=True)
class Network:
    name: str
    model: str  # below SHARED/models, without .xml
    data: str  # below SHARED/data: a folder of images, or an .npy
    truth: str  # below SHARED/data: labels, boxes or masks
    task: str  # a key of tasks.TASKS
    options: tuple = ()  # how the program makes inputs


NETWORKS = (
    Network("MobileNetV2", "classification/mobilenet_v2/v6/mobilenet_v2", "imagenet300/images", "imagenet300/val.txt",
            "classify", ("--color", "rgb", "--mean", "127.5", "--scale", "127.5") + IMAGENET),
    Network("SqueezeNet v6", "classification/squeezenet1.1/v6_fp16/squeezenet1.1", "imagenet300/images",
            "imagenet300/val.txt", "classify", ("--mean", "104,117,123") + IMAGENET),
    Network("SqueezeNet v10", "classification/squeezenet1.1/v10/squeezenet1.1", "imagenet300/images",
            "imagenet300/val.txt", "classify",
            ("--color", "rgb", "--mean", "123.675,116.28,103.53", "--scale", "58.395,57.12,57.375") + IMAGENET),
    Network("ResNet-8", "classification/resnet8/v7/resnet8", "cifar10_1000/images", "cifar10_1000/val.txt", "classify",
            ("--color", "rgb")),
    Network("LeNet", "classification/lenet/v7/lenet", "mnist500/images", "mnist500/val.txt", "classify",
            ("--scale", "256")),
    Network("DS-CNN", "classification/kws/v6/dscnn_kws", "kws1000/features.npy", "kws1000/labels.txt", "classify"),
    Network("VWW", "classification/vww/v6/mobilenet_v1_025_vww96", "coco64/images", "coco64/vww_labels.txt", "classify",
            ("--color", "rgb", "--scale", "255")),
    Network("YOLO-Fastest", "detection/yolo_fastest/v10/yolo_fastest_1.1", "coco64/images", "coco64/instances.json",
            "yolo", ("--color", "rgb", "--scale", "255")),
    Network("UltraFace", "detection/ultraface/v6/RFB-320", "faces40", "faces40/wider_format.txt", "faces",
            ("--color", "rgb", "--mean", "127", "--scale", "128")),
    Network("DeepLabV3", "segmentation/deeplabv3_mnv2/v10/deeplabv3_mnv2", "coco64/images", "coco64/masks", "segment",
            ("--color", "rgb", "--mean", "127.5", "--scale", "127.5", "--resize", "long:513")),
)
