;; The inner loop of a scan: the dot product of one query with many rows, 32 components at a time.
;; Compiled by `bun scripts/scan-kernel.ts` into scan-kernel.gen.ts.
(module
  (import "scan" "memory" (memory 1))
  ;; row      address of the first row: int8s, `dims` of them each, a multiple of 32
  ;; count    rows, at least 1
  ;; query    address of `dims` int16s
  ;; scale    address of one float32 per row
  ;; score    address of one float32 per row, to be written: scale * (row . query)
  ;; The caller keeps every sum within an int32.
  (func (export "scan")
    (param $row i32) (param $count i32) (param $dims i32) (param $query i32) (param $scale i32) (param $score i32)
    (local $at i32) (local $end i32)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $end (i32.add (local.get $query) (i32.shl (local.get $dims) (i32.const 1))))
    (loop $rows
      (local.set $s0 (v128.const i32x4 0 0 0 0))
      (local.set $s1 (v128.const i32x4 0 0 0 0))
      (local.set $s2 (v128.const i32x4 0 0 0 0))
      (local.set $s3 (v128.const i32x4 0 0 0 0))
      (local.set $at (local.get $query))
      (loop $components
        (local.set $s0 (i32x4.add (local.get $s0)
          (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $row)) (v128.load (local.get $at)))))
        (local.set $s1 (i32x4.add (local.get $s1)
          (i32x4.dot_i16x8_s (v128.load8x8_s offset=8 (local.get $row)) (v128.load offset=16 (local.get $at)))))
        (local.set $s2 (i32x4.add (local.get $s2)
          (i32x4.dot_i16x8_s (v128.load8x8_s offset=16 (local.get $row)) (v128.load offset=32 (local.get $at)))))
        (local.set $s3 (i32x4.add (local.get $s3)
          (i32x4.dot_i16x8_s (v128.load8x8_s offset=24 (local.get $row)) (v128.load offset=48 (local.get $at)))))
        (local.set $row (i32.add (local.get $row) (i32.const 32)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $components (i32.lt_u (local.get $at) (local.get $end))))
      (local.set $s0 (i32x4.add (i32x4.add (local.get $s0) (local.get $s1)) (i32x4.add (local.get $s2) (local.get $s3))))
      (f32.store (local.get $score)
        (f32.mul (f32.load (local.get $scale))
          (f32.convert_i32_s
            (i32.add
              (i32.add (i32x4.extract_lane 0 (local.get $s0)) (i32x4.extract_lane 1 (local.get $s0)))
              (i32.add (i32x4.extract_lane 2 (local.get $s0)) (i32x4.extract_lane 3 (local.get $s0)))))))
      (local.set $scale (i32.add (local.get $scale) (i32.const 4)))
      (local.set $score (i32.add (local.get $score) (i32.const 4)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $rows (local.get $count)))))
