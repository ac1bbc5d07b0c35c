"""Writes ONNX's backend node tests out as models with their inputs and outputs.

    pip install onnx numpy            (in an environment of its own)
    python scripts/onnx/node_cases.py DIR

For each case there is a folder DIR/NAME with `model.onnx`, the inputs and outputs as TensorProto files, and `case.json`,
which names them (several for a sequence, none for an empty optional) and the tolerances. `npm run onnx-conformance -- DIR`
reads them. The cases are ONNX's (Apache-2.0) and are not part of this package.
"""
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

warnings.filterwarnings("ignore")


def write(folder, name, value, info):
    """Writes a value as one tensor file, or one for each element of a sequence; gives what case.json says of it."""
    if value is None:
        return {"kind": "none", "files": []}
    values = value if isinstance(value, (list, tuple)) else [value]
    files = []
    for k, v in enumerate(values):
        tensor = v if isinstance(v, onnx.TensorProto) else numpy_helper.from_array(np.asarray(v), info.name)
        files.append(f"{name}_{k}.pb")
        (folder / files[-1]).write_bytes(tensor.SerializeToString())
    return {"kind": "sequence" if isinstance(value, (list, tuple)) else "tensor", "files": files}


def main(folder):
    from onnx.backend.test.case.node import collect_testcases

    written, left = 0, []
    for case in collect_testcases(None):
        try:
            inputs, outputs = case.data_sets[0]
            graph = case.model.graph
            out = pathlib.Path(folder) / case.name
            out.mkdir(parents=True, exist_ok=True)
            (out / "model.onnx").write_bytes(case.model.SerializeToString())
            ports = [[write(out, f"{side}_{i}", v, info) for i, (v, info) in enumerate(zip(values, infos))]
                     for side, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output))]
            (out / "case.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol, "inputs": ports[0], "outputs": ports[1]}))
            written += 1
        except Exception as error:  # a case that cannot be written is said, and the others go on
            left.append(f"{case.name}: {error}")
    print(f"{written} cases written to {folder}" + "".join(f"\nnot written: {x}" for x in left))


if __name__ == "__main__":
    main(sys.argv[1])
