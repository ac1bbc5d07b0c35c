"""The peer's half of the benchmark protocol: one JSON object a line, questions on stdin, answers on stdout.

  {"run": "jit", "steps": 100}  ->  {"ns": 3456789}      how long the steps took, all together
  {"rss": true}                 ->  {"bytes": 123456789}  the process's peak so far
"""
import json
import os
import resource
import sys
import time


def serve(name, variants):
    """Answers until stdin ends. A variant is a function that runs the given number of steps and waits for the last one."""
    # Whatever a library prints belongs to stderr: stdout carries answers only.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")

    answer({"ready": name, "variants": list(variants)})
    for line in sys.stdin:
        question = json.loads(line)
        if "run" in question:
            run = variants[question["run"]]
            begin = time.perf_counter_ns()
            run(question["steps"])
            answer({"ns": time.perf_counter_ns() - begin})
        else:
            answer({"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)})
