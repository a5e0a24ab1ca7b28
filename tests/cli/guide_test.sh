#!/usr/bin/env bash
# The guides' commands run as written and print what they show. Usage: guide_test.sh BIN SOURCE
exec python3 "$2/tests/cli/guide_test.py" "$1" "$2"
