/**
 * Says that a span of a text part names a file. It lies in the part's `annotations` as it is here; indexes count UTF-16
 * units of the part's whole text, the end exclusive: `text.slice(start_index, end_index)` is the marker.
 */
export type Citation = {
  type: 'file_citation'
  text: string
  start_index: number
  end_index: number
  /** A core id. */
  file_citation: { file_id: string }
}
