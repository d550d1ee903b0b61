package dev.pgeventstore.kafka;

import dev.pgeventstore.Position;

/**
 * How far a verification has come. Lanes are verified one after the other.
 *
 * @param lane that is being verified
 * @param lanes how many there are
 * @param position everything in this lane up to it is compared
 * @param upTo where this lane ends
 * @param records compared, in all lanes
 * @param differences found, in all lanes; what seems to be missing may still be found further on
 */
public record VerificationProgress(
    int lane, int lanes, Position position, Position upTo, long records, long differences) {}
