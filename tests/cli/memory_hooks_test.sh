#!/usr/bin/env bash
# The Python helper's hooks, with whichever Python has PyTorch. Usage: memory_hooks_test.sh BIN SOURCE
for python in python3 /usr/bin/python3; do
  if "$python" -c 'import torch' 2>/dev/null; then exec "$python" "$2/tests/python/memory_hooks_test.py" "$2"; fi
done
echo "skipped: no Python here has PyTorch (Debian: python3-torch)"
exit 77
