/** Benchmarks: the store's figures beside those of plain JDBC, measured in turns in one run. */
package dev.pgeventstore.benchmarks;
