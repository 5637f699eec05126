use futures::FutureExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), snapback::lambda::Error> {
    Box::pin(snapback::lambda::run_and(&own::FUNCTION, |responder, time| own::besides(responder, time).boxed())).await
}
