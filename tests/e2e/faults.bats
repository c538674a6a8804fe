#!/usr/bin/env bats
# Ten rounds of the campaign, with a seed of their own each time; more of them: make campaign FAULTS=1000.

load common

@test "ten faults at random moments: nothing is left, nothing is lost, and the next start works" {
        "$BATS_TEST_DIRNAME/../campaign/faults" --faults 10
}
