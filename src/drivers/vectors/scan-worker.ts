import { ScanIndex, type ScanRequest } from './scan-index.ts'

declare const self: Worker

// A thread of its own, so that a scan of a hundred thousand rows holds no request up.
const index = new ScanIndex()

self.onmessage = ({ data }: MessageEvent<{ call: number; request: ScanRequest }>) => {
  try {
    self.postMessage({ call: data.call, answer: index.answer(data.request) })
  } catch (error) {
    self.postMessage({ call: data.call, error: String(error) })
  }
}
