import org.apache.kafka.common.security.auth.AuthenticationContext;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder;

/** Tells clients under test from the nodes and the testbed's own tools by the listener that they use. */
public final class ListenerPrincipal extends DefaultKafkaPrincipalBuilder {
    public ListenerPrincipal() {
        super(null, null);
    }

    @Override
    public KafkaPrincipal build(AuthenticationContext context) {
        String name = context.listenerName().equals("CLIENT") ? "client" : "testbed";
        return new KafkaPrincipal(KafkaPrincipal.USER_TYPE, name);
    }
}
