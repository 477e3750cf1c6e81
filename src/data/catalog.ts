import { CIFAR_TEST_FILE, CIFAR_TRAIN_FILES } from "./cifar.ts";

/** One file of a dataset. */
export interface DataFile {
  readonly name: string;
  /** MD5 of the file, uncompressed if `name` is looked for with and without `.gz`; absent if none is published. */
  readonly md5?: string;
}

/** A dataset that comes in files: what they are called, where they are found and what they hold. */
export interface FileDatasetSpec {
  readonly name: string;
  readonly format: "idx" | "cifar-10";
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
  /** In the order training images, training labels, test images, test labels, or as the format has them. */
  readonly files: readonly DataFile[];
  /** Records in each file, for the format without a header. */
  readonly recordsPerFile?: number;
  /** Folders below a data directory in which the files may lie; the first is where downloads go. */
  readonly folders: readonly string[];
  /** One file that holds all the others, looked for after them and downloaded instead of them. */
  readonly archive?: DataFile;
  /** Official addresses, tried in order; a file's name is appended. */
  readonly addresses: readonly string[];
  /** Appended to a file's name in an address. */
  readonly addressSuffix: string;
}

const IDX_28 = {
  format: "idx",
  height: 28,
  width: 28,
  channels: 1,
  classes: 10,
  addressSuffix: ".gz",
} as const;

const idxFiles = (md5: readonly [string, string, string, string]): DataFile[] => [
  { name: "train-images-idx3-ubyte", md5: md5[0] },
  { name: "train-labels-idx1-ubyte", md5: md5[1] },
  { name: "t10k-images-idx3-ubyte", md5: md5[2] },
  { name: "t10k-labels-idx1-ubyte", md5: md5[3] },
];

/** Every dataset that comes in files. */
export const FILE_DATASETS: readonly FileDatasetSpec[] = [
  {
    ...IDX_28,
    name: "mnist",
    files: idxFiles([
      "6bbc9ace898e44ae57da46a324031adb",
      "a25bea736e30d166cdddb491f175f624",
      "2646ac647ad5339dbf082846283269ea",
      "27ae3e4e09519cfbb04c329615203637",
    ]),
    folders: ["mnist"],
    addresses: [
      "https://ossci-datasets.s3.amazonaws.com/mnist/",
      "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
  },
  {
    ...IDX_28,
    name: "fashion-mnist",
    files: idxFiles([
      "f4a8712d7a061bf5bd6d2ca38dc4d50a",
      "9018921c3c673c538a1fc5bad174d6f9",
      "8181f5470baa50b63fa0f6fddb340f0a",
      "15d484375f8d13e6eb1aabb0c3f46965",
    ]),
    folders: ["fashion-mnist"],
    addresses: ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
  },
  {
    name: "cifar-10",
    format: "cifar-10",
    height: 32,
    width: 32,
    channels: 3,
    classes: 10,
    // No checksum of the unpacked files is published, only the archive's.
    files: [...CIFAR_TRAIN_FILES, CIFAR_TEST_FILE].map((name) => ({ name })),
    recordsPerFile: 10_000,
    folders: ["cifar-10/cifar-10-batches-bin", "cifar-10-batches-bin", "cifar-10"],
    archive: { name: "cifar-10-binary.tar.gz", md5: "c32a1d4ab5d03f1284b67883e8d87530" },
    addresses: ["https://www.cs.toronto.edu/~kriz/"],
    addressSuffix: "",
  },
];
