"""Statistics of counts: shares and their intervals, agents, words, spikes; numpy and scipy alone."""
