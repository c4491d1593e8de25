#!/bin/sh
# Everything that a cluster must hold before the first worker starts. Again is harmless: what is there stays as it is.
#
#   leadlane-init ACTOR REASON [POLICY.yaml [ROSTER.yaml]]
#
# Topics, then the schemas if LEADLANE_SCHEMA_REGISTRY_URL is set, then the policy and the roster if they are given.
set -eu
actor=${1:?who does this}
reason=${2:?why}
policy=${3:-}
roster=${4:-}

leadlane topics apply
if [ -n "${LEADLANE_SCHEMA_REGISTRY_URL:-}" ]; then
  leadlane schemas register
fi
if [ -n "$policy" ]; then
  leadlane policy publish "$policy" --actor "$actor" --reason "$reason"
fi
if [ -n "$roster" ]; then
  leadlane roster apply "$roster" --actor "$actor" --reason "$reason"
fi
