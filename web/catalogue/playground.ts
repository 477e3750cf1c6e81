/** Text of the playground. */
export const playground = {
  title: "Lowland playground",
} as const;
