package tenfold;

import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import java.time.Duration;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * The decisions of a breaker as `decisions/src/others.rs` asks them of the crates, by the same names: everyone's
 * defaults, but for what a decision needs.
 */
@State(Scope.Thread)
public class Decisions {
    /** Every so many calls one goes well, so that a breaker stays closed. */
    private static final int WELL = 50;

    /** An error without a stack trace, which would cost more than all the rest. */
    private static final RuntimeException ERROR = new RuntimeException("failed", null, false, false) {};

    private final CircuitBreaker closed = CircuitBreaker.ofDefaults("closed");
    private final CircuitBreaker whole = CircuitBreaker.ofDefaults("whole");
    private final CircuitBreaker tenant = CircuitBreaker.ofDefaults("tenant");
    private final CircuitBreaker failing =
            CircuitBreaker.of("failing", CircuitBreakerConfig.custom().failureRateThreshold(99.5f).build());
    private final CircuitBreaker open = open();
    private final Supplier<Object> forTenant = () -> tenant.executeSupplier(() -> this);
    private int calls;

    private static CircuitBreaker open() {
        CircuitBreaker breaker = CircuitBreaker.of(
                "open",
                CircuitBreakerConfig.custom()
                        .waitDurationInOpenState(Duration.ofHours(1))
                        .writableStackTraceEnabled(false)
                        .build());
        breaker.transitionToOpenState();
        return breaker;
    }

    @Benchmark
    public Object breakerClosed() {
        return closed.executeSupplier(() -> this);
    }

    @Benchmark
    public Object breakerTenant() {
        return whole.executeSupplier(forTenant);
    }

    @Benchmark
    public Object breakerFailing() {
        boolean well = calls++ % WELL == 0;
        try {
            return failing.executeSupplier(() -> {
                if (well) {
                    return this;
                }
                throw ERROR;
            });
        } catch (CallNotPermittedException opened) {
            throw new IllegalStateException("the breaker should stay closed", opened);
        } catch (RuntimeException error) {
            return error;
        }
    }

    @Benchmark
    public Object breakerOpen() {
        try {
            return open.executeSupplier(() -> {
                throw new IllegalStateException("the breaker should be open");
            });
        } catch (CallNotPermittedException refused) {
            return refused;
        }
    }
}
