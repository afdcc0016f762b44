/**
 * How the compact rows of a store lie in memory: in blocks, each with its rows' components (int8, padded with zeros),
 * then their scales (float32), document numbers (int32) and ids (16 bytes).
 */
export const BLOCK_BYTES = 256 * 1024

/** The kernel takes 32 components at a time. */
export const paddedDimensions = (dimensions: number): number => (dimensions + 31) & ~31

const ID_BYTES = 16
const ROW_EXTRA_BYTES = 4 + 4 + ID_BYTES

export const rowsPerBlock = (dimensions: number): number => Math.floor(BLOCK_BYTES / (paddedDimensions(dimensions) + ROW_EXTRA_BYTES))

/** What a document costs beside its rows, roughly: its id, attributes and places in maps. */
const DOCUMENT_BYTES = 1024

export const spaceBytes = (dimensions: number, rows: number, documents: number): number =>
  Math.ceil(rows / rowsPerBlock(dimensions)) * BLOCK_BYTES + documents * DOCUMENT_BYTES

/** A row on its way to the scanner: the ids of point and document, then its compact form. */
export const ROW_HEAD_BYTES = 2 * ID_BYTES
export const rowBytes = (dimensions: number): number => ROW_HEAD_BYTES + coarseBytes(dimensions)

/** The compact form of a vector: a little-endian float32 scale, then int8s. */
export const coarseBytes = (dimensions: number): number => 4 + dimensions
