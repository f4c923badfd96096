"""`par` blocks with a schedule: operations in micro-steps, interleaved (`semantics.md` section 5).

Every line of a block is a `Flight`; a word of the schedule is one micro-step of one of them. The
micro-steps call the same rules and primitives as the operations that run alone.
"""
