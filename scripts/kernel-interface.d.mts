/** A kernel as kernels/ declares it. */
export interface Kernel {
  readonly name: string;
  readonly docs: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly type: string; readonly letter: string }[];
  readonly result: string;
}
export function readKernels(): Kernel[];
export function interfaceOf(kernels: readonly Kernel[]): string;
export function callsOf(kernels: readonly Kernel[]): string;
