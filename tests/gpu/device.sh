# Sourced by the tests that need a GPU: ends with 77 (ctest's skip) and the reason where there is none.
if [ ! -e /dev/nvidiactl ] && [ ! -e /dev/dxg ]; then
  echo "skipped: no NVIDIA GPU on this machine (no /dev/nvidiactl)"
  exit 77
fi
