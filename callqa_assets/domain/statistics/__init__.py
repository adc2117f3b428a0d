"""Statistics of counts: shares, agents, words and spikes; numpy and scipy alone."""
