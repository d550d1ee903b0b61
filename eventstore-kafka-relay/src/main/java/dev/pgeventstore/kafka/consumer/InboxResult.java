package dev.pgeventstore.kafka.consumer;

/**
 * What became of some records.
 *
 * @param handled how many were new, and given to the handler
 * @param repeated how many had been handled before, and were dropped
 * @param foreign how many no relay had sent, and were passed over
 */
public record InboxResult(int handled, int repeated, int foreign) {}
