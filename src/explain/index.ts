/** Isolation in words: what was asked for, what the kernel enforces, and why. */
export { explainContainer } from './container.ts';
export { explainImage, type ImageExplainInput } from './image.ts';
export { limitFiles } from './layers/limits.ts';
export { type KernelQuestions, readKernelFacts, readKernelText } from './kernel.ts';
export type { ContainerExplainInput, IdFacts, ImageFacts, KernelFacts, NetworkFacts } from './types.ts';
