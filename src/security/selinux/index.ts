/** SELinux: contexts, the options that ask for them, the labels of containers. */
export { type SelinuxContext, parseContext, sharedLabel } from './context.ts';
export { type ContainerLabels, containerLabels, type LabelDefaults, levelOf, parseLabelDefaults } from './labels.ts';
export { duplicateOptions, type LabelOptions, parseLabelOptions } from './options.ts';
export { relabelRefusal } from './relabel.ts';
