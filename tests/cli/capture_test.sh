#!/usr/bin/env bash
# The recorder in real processes, without a GPU. Usage: capture_test.sh BIN SOURCE
exec python3 "$2/tests/capture/capture_test.py" "$1"
