export * from "./elementwise";
export * from "./vector";
export * from "./gemm";
export * from "./softmax";
export * from "./optimizers";
export * from "./lstm";
export * from "./peak";
