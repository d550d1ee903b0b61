/** A load harness: the store's figures beside those of plain JDBC, taken in turns in one run. */
package dev.pgeventstore.benchmarks;
